package main

import (
	"slices"
	"time"
)

// accelerationEdits is where the edits are that switch off each acceleration, under its name.
const accelerationEdits = "bench/testdata/accelerations.txtar"

// acceleration is something that makes loads faster and has state of its own.
type acceleration struct {
	name  string // as its edits are called
	loads []job  // that it is for
}

// near is the network of a database in the same town. There, what saves answers that are waited for saves time.
var near = network{bits: 1e9, delay: 5 * time.Millisecond} //nolint:gochecknoglobals // a constant

// accelerations gives all of them, with the loads of an export of some size that each is for.
func accelerations(size string) []acceleration {
	insert, even := one("ours", "INSERTs", size), one("even-jobs2", "four equal tables, jobs: 2", evenly+size)
	copied := one("copies-ours", "COPY", size)
	jobs := one("ours-jobs2", "INSERTs, jobs: 2", size)
	far := one("tiny-ours", "ten rows, 5 ms away", "tiny")
	far.network = near
	sequences := far
	sequences.label, sequences.folder = "ten rows and setval, 5 ms away", "setval"
	turns := one("ours", "small INSERTs, tables in turn", "turns")
	turns.folder = "turns"
	parts := one("even-jobs2", turns.label+", jobs: 2", "turns")
	parts.folder = "turns"
	triggers := turns
	triggers.label, triggers.start = turns.label+", triggers", guarded
	guardedInserts := one("ours", "small INSERTs, triggers", "turns")
	guardedInserts.folder, guardedInserts.start = "singles", guarded
	return []acceleration{
		{"INSERTs gathered into one COPY", []job{one("ours", "a tenth of the INSERTs", "small")}},
		{"COPY in binary format", []job{insert, unchecked(insert)}},
		{"rows of COPY recoded into binary format", []job{copied, unchecked(copied), one("csv-ours", "csv", size)}},
		{"indexes built after the rows", []job{insert, with(insert, "online", "--online=true")}},
		{"workers for idle processors alone", []job{even}},
		{"keys compared on the way", []job{insert, even}},
		{"ANALYZE after COMMIT, over two connections", []job{insert}},
		{"a second connection for ANALYZE", []job{insert}},
		{"checks and ANALYZE over all connections", []job{even}},
		{"statements that do not wait", []job{far, one("verbatim", "a tenth of the INSERTs, fast: false", "small")}},
		{"statements that may fail do not wait", []job{one("failing-ours", "4,784 statements that fail", "tiny")}},
		{"the catalog asked about all tables at once", []job{far, tenTimes()}},
		{"what the catalog says is kept", []job{turns}},
		{"a few small INSERTs as written", []job{far, tenTimes()}},
		{"the first small INSERTs unasked", []job{far, tenTimes()}},
		{"which functions are the server's is asked once", []job{sequences}},
		{"tables with triggers are asked about seldom", []job{guardedInserts}},
		{"names asked for behind the first and the last row", []job{triggers}},
		{"several connections", []job{jobs, even}},
		{"several connections, all or nothing", []job{one("ours-together2", "INSERTs, jobs: 2, all or nothing", size)}},
		{"settings read once", []job{even, parts}},
	}
}

// compared gives the loads by which the present tree is compared with an earlier one.
func compared(size string) []job {
	return []job{
		one("ours", "INSERTs", size), one("ours-jobs2", "INSERTs, jobs: 2", size), one("verbatim", "a tenth of the INSERTs, fast: false", "small"),
		one("copies-ours", "COPY", size), one("copies-ours-jobs2", "COPY, jobs: 2", size), one("csv-ours", "csv", size), one("jsonl-ours", "jsonl", size),
		one("even-ours", "four equal tables", evenly+size), one("even-jobs2", "four equal tables, jobs: 2", evenly+size), tenTimes(),
	}
}

// one gives a way of loading an export of some size, by another label.
func one(name, label, size string) job {
	w := pick(allWays(), name)[0]
	w.label = label
	return job{w, size}
}

// tenTimes gives loads of ten rows, one after the other: a single one is too short to be measured.
func tenTimes() job {
	ten := one("tiny-ours", "ten rows, ten times", "tiny")
	ten.times = 10
	return ten
}

// with gives a load with another setting.
func with(j job, label, arg string) job {
	j.label, j.args = j.label+", "+label, append(slices.Clone(j.args), arg)
	return j
}

// unchecked gives a load that does not look at foreign keys: what else the format of COPY saves.
func unchecked(j job) job { return with(j, "foreign-keys: off", "--foreign-keys=off") }
