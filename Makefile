# Every target is described by the comment after its name. They need Go; the rest they install or name.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# GOLANGCI_LINT, ACTIONLINT, ACT and GOVULNCHECK are pinned in tools/*/go.mod and built into bin once for each version.
GOLANGCI_LINT := bin/golangci-lint
ACTIONLINT := bin/actionlint
ACT := bin/act
GOVULNCHECK := bin/govulncheck

FUZZTIME ?= 10s
# Those that take longest come first, so that none is left to run alone at the end.
PACKAGES ?= ./internal/load ./internal/differential ./internal/conformance ./...
BENCH ?=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: need-postgres ## the whole path on this machine: a simulated API, a throwaway PostgreSQL, the real binary
	@go run . demo

.PHONY: test
test: need-pgbouncer ## every test, with the race detector, in random order (PACKAGES=./internal/psql/... for some)
	@race=-race; if [ "$$(go env CGO_ENABLED)" != 1 ]; then race=; \
		echo 'Without the race detector, which needs a C compiler (on Debian or Ubuntu: apt-get install gcc libc6-dev)'; fi; \
		go run ./scripts/gotest $$race -shuffle=on -timeout 60m $(PACKAGES)

# What these test is a server, the built program, the action under Node, or psql: nothing is left of them without.
# Four packages and eight tests of each run at once, since many only wait, and what takes longest comes first.
NOT_QUICK := . ./internal/conformance ./internal/faults ./internal/pgtest ./internal/leaks ./native

.PHONY: quick
quick: ## every test that needs no server, takes no seconds by itself and that a change may have reached; a new package is among them by itself
	@PGTEST=off go run ./scripts/gotest -short -p 4 -parallel 8 -timeout 2m \
		./internal/session ./internal/psql $$(go list ./... | grep -vxF "$$(go list $(NOT_QUICK))")

.PHONY: test-again
test-again: need-pgbouncer ## make test N times, every other time with another load on both cores; prints the seeds (N=20)
	@scripts/test-again.sh $(or $(N),20)

.PHONY: test-versions
test-versions: need-pgbouncer ## conformance, load and faults against every PostgreSQL to be had here (VERSIONS="15 17 18")
	@scripts/test-versions.sh $(VERSIONS)

.PHONY: examples
examples: ## Kubernetes manifests, Compose file and GitLab pipeline of examples/, decoded strictly
	@go -C tools/examples test -count=1 ./... # never cached: Go does not see that files outside the module change

.PHONY: conformance
conformance: need-postgres ## thousands of random scripts through psql and through us (SEED=1 SCRIPTS=3000)
	@go test -count=1 -timeout 60m -run TestGenerated -v ./internal/conformance -seed $(or $(SEED),$(shell date +%s)) -scripts $(or $(SCRIPTS),3000)

.PHONY: random-loads
random-loads: need-postgres ## thousands of random schemas and loads, the fast way against psql (SEED=1 LOADS=3000)
	@go test -count=1 -timeout 120m -run TestRandomLoads -v ./internal/differential -seed $(or $(SEED),$(shell date +%s)) -loads $(or $(LOADS),3000)

.PHONY: random-rows
random-rows: need-postgres ## thousands of random folders of csv and of jsonl, against \copy and json_populate_record (SEED=1 CASES=5000)
	@go test -count=1 -timeout 240m -run TestRandomRows -v ./internal/differential -rows-seed $(or $(SEED),$(shell date +%s)) -rows-cases $(or $(CASES),5000)

.PHONY: random-values
random-values: need-postgres ## thousands of random values of every type and spelling, and slips in statements, against psql (SEED=1 CASES=5000)
	@go test -count=1 -timeout 240m -run TestRandomValues -v ./internal/differential -values-seed $(or $(SEED),$(shell date +%s)) -values-cases $(or $(CASES),5000)

.PHONY: misfits
misfits: need-postgres ## nothing is said of random loads that fit, and of each with one thing that does not just that (SEED=1 CASES=5000 FIRST=0)
	@go test -count=1 -timeout 480m -run TestRandomMisfit -v ./internal/differential -misfit-seed $(or $(SEED),$(shell date +%s)) -misfit-cases $(or $(CASES),5000) -misfit-first $(or $(FIRST),0) | grep -vE '^ *(=== |PASS|ok )'

.PHONY: mutants
mutants: ## a hundred small faults, one at a time: which do the tests without a server notice? (FILES=... TESTS='go test ...' N=100 SEED=1)
	@PGTEST=off go run ./scripts/mutants -n $(or $(N),100) -seed $(or $(SEED),1) -tests '$(or $(TESTS),go test -short ./internal/strategy ./internal/load ./internal/differential)' \
		$(or $(FILES),internal/load/execute.go internal/load/knowledge.go internal/strategy/*.go)

.PHONY: old-faults
old-faults: need-postgres ## faults that were mended, put back one at a time: random loads must find each
	@go run ./scripts/mutants -faults internal/differential/testdata/faults.txtar -limit 30m -least 100 -tests \
		'go test -count=1 -timeout 30m -run TestRandomLoads ./internal/differential -loads $(or $(LOADS),2000) -finds 0 -stop -mode single,none,jobs'

.PHONY: old-row-faults
old-row-faults: need-postgres ## faults in reading csv and jsonl that were mended, put back one at a time: random files must find each
	@go run ./scripts/mutants -faults internal/differential/testdata/rowfaults.txtar -limit 30m -least 100 -tests \
		'go test -count=1 -timeout 30m -run TestRandomRows ./internal/differential -rows-cases $(or $(CASES),1000) -rows-stop'

.PHONY: faults
faults: need-postgres ## everything that can go wrong, made to: one line a fault, what was kept, and totals
	@go test -count=1 -timeout 15m -run TestFaults -v ./internal/faults -table | grep -vE '^ *(===|--- PASS|PASS|ok )'

.PHONY: online
online: need-postgres ## 1.37 million rows replaced while ten readers and pg_dump read them, beside psql -1 as the same role; on a machine that does nothing else (ROLE=superuser|granted|owner)
	@go test -count=1 -timeout 60m -run TestOnlineReaders -v ./internal/load -readers $(if $(ROLE),-role $(ROLE)) | grep -vE 'notice:|^ *(=== |PASS|ok )'

.PHONY: harm
harm: need-postgres ## what scripts, hosts, settings and names that mean harm try, and what came of it: one line an attempt
	@go test -count=1 -timeout 30m -run TestHarm -v ./internal/harm -table | grep -vE '^ *(===|--- PASS|PASS|ok )'

.PHONY: damage
damage: need-postgres ## archives of which one bit is wrong, of every format, loaded in every way (SEED=1 FLIPS=2000)
	@go test -count=1 -timeout 60m -run TestDamage -v ./internal/harm -seed $(or $(SEED),$(shell date +%s)) -flips $(or $(FLIPS),2000) | grep -vE '^ *(===|--- PASS|PASS)'

.PHONY: soak
soak: need-postgres ## whole runs with random faults at random moments (SEED=1 RUNS=500)
	@go test -count=1 -timeout 60m -run TestSoak -v ./internal/faults -seed $(or $(SEED),$(shell date +%s)) -runs $(or $(RUNS),500) | grep -vE '^ *(===|--- PASS|PASS|ok )'

.PHONY: lateness
lateness: ## how late the end of a task is noticed, and after how many questions: the table of docs/performance.md
	@go test -count=1 -timeout 15m -run TestLateness -v ./internal/fabricate -table | grep -vE '^ *(===|--- PASS|PASS|ok )'

.PHONY: probe
probe: ## what a real account's API answers, as shapes without values; costs one generation task, never in CI (FABRICATE_API_KEY=…)
	@go run ./scripts/probe probe.json

.PHONY: lint
lint: $(GOLANGCI_LINT) $(ACTIONLINT) ## golangci-lint, actionlint, and the shell scripts' syntax
	@$(GOLANGCI_LINT) run ./...
	@$(GOLANGCI_LINT) run --build-tags e2e ./e2e/...
	@for module in tools/examples tools/screenshots; do (cd $$module && ../../$(GOLANGCI_LINT) run ./...); done
	@$(ACTIONLINT) .github/workflows/*.yml e2e/workflows/*.yml $$(grep -l runs-on: examples/*.yml)
	@for script in .ci/run $$(git ls-files '*.sh'); do bash -n "$$script"; done
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run $$(git ls-files '*.sh'); fi

.PHONY: vet
vet: ## go vet for each system and processor that is released, tests included
	@for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do \
		GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0 go vet ./... || { echo "go vet fails for $$target" >&2; exit 1; }; done

.PHONY: vuln
vuln: $(GOVULNCHECK) ## known vulnerabilities in what the binary calls, of Go and of modules; asks Go's database over the network
	@$(GOVULNCHECK) ./...

.PHONY: licenses
licenses: ## the licence texts of everything in the binary, as they are in the image and beside each release
	@go run ./scripts/licenses

.PHONY: build
build: ## the binary, static, as bin/fabricate-seed
	@CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/fabricate-seed .

.PHONY: fuzz
fuzz: ## every fuzz target for a moment each (FUZZTIME=10s)
	@scripts/fuzz.sh $(FUZZTIME)

.PHONY: cover
cover: need-postgres ## test coverage by package, and bin/cover.html to look at
	@mkdir -p bin
	@go test -coverpkg=./internal/... -coverprofile=bin/cover.out ./... >/dev/null
	@go tool cover -html=bin/cover.out -o bin/cover.html
	@go tool cover -func=bin/cover.out | tail -n 1

.PHONY: e2e
e2e: $(ACT) ## this repository's workflows and examples under act, with Docker (e2e/README.md)
	@e2e/run.sh

.PHONY: e2e-mutations
e2e-mutations: $(ACT) ## that make e2e notices faults in what is released: four, each in a copy of this repository
	@e2e/mutations.sh

.PHONY: first-run
first-run: ## the README's two commands on a fresh clone without PostgreSQL, as root, with sudo and without (PACKAGES=./... WHO="root sudo user")
	@PACKAGES='$(PACKAGES)' e2e/first-run.sh $(WHO)

.PHONY: screenshots
screenshots: need-postgres ## pictures of the job summary for docs, of three real runs, in light and dark; needs Chromium and a font with emoji
	@go -C tools/screenshots run . ../../docs

.PHONY: bench
bench: need-postgres ## every way to load the same rows, in turns, at three sizes; writes docs/bench.svg and .md (BENCH=-check)
	@go run ./bench -sizes -task 60s $(BENCH)

.PHONY: bench-short
bench-short: need-postgres ## the same with a tenth of the rows, once: that it works and every way leaves the right rows
	@go run ./bench -size small -runs 1 -tiny 1 -task 1s -warm-up=false -out= $(BENCH)
	@go run ./bench -whole 1s -size small -runs 1

.PHONY: whole
whole: need-postgres ## from start to the first query answered, beside a script of curl, unzip and psql, also over a slow network (TASKS=5s,60s)
	@go run ./bench -whole $(or $(TASKS),5s,60s) -runs $(or $(RUNS),3)

.PHONY: sizes
sizes: need-postgres ## how the time and memory of ours grow; huge is 8.8 GB of SQL, and 40 GB on the disk (SIZES=standard,large,huge)
	@go run ./bench -grow $(or $(SIZES),standard,large) -runs $(or $(RUNS),3)

.PHONY: accelerations
accelerations: need-postgres ## what each acceleration of a load saves alone, off against on, in CPU and time; on Linux, quarter of an hour on a machine that does nothing else (PAIRS=15 ONLY=ANALYZE SIZE=third)
	@go run ./bench -accelerations '$(or $(ONLY),.)' -pairs $(or $(PAIRS),15) -size $(or $(SIZE),third)

.PHONY: before-after
before-after: need-postgres ## the present tree against an earlier commit, load by load, in CPU and time (BEFORE=be4b949^ PAIRS=15 ONLY=csv SIZE=third)
	@go run ./bench -before '$(or $(BEFORE),HEAD^)' -accelerations '$(ONLY)' -pairs $(or $(PAIRS),15) -size $(or $(SIZE),third)

.PHONY: release-dry-run
release-dry-run: ## a whole release into bin/release, nothing published: six binaries, checksums, SBOMs, image, both action.yml
	@release/dry-run.sh

.PHONY: clean
clean: ## remove what the other targets made
	@rm -rf bin tmp

.PHONY: need-postgres
need-postgres:
	@scripts/need-postgres.sh

.PHONY: need-pgbouncer
need-pgbouncer:
	@scripts/need-postgres.sh pgbouncer

$(GOLANGCI_LINT): tools/golangci-lint/go.mod
	@mkdir -p bin
	@echo 'Building golangci-lint (once; a few minutes) ...'
	@go -C tools/golangci-lint build -o ../../bin/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(ACTIONLINT): tools/actionlint/go.mod
	@mkdir -p bin
	@go -C tools/actionlint build -o ../../bin/ github.com/rhysd/actionlint/cmd/actionlint

$(ACT): tools/act/go.mod
	@mkdir -p bin
	@echo 'Building act (once) ...'
	@go -C tools/act build -o ../../bin/ github.com/nektos/act

$(GOVULNCHECK): tools/govulncheck/go.mod
	@mkdir -p bin
	@go -C tools/govulncheck build -o ../../bin/ golang.org/x/vuln/cmd/govulncheck
