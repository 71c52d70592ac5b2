package load

// Eager has the faster ways be taken from few rows on, and single INSERTs go as COPY from so many bytes on. It is for tests, whose
// scripts are small.
func (o *Options) Eager(insert int) {
	o.thresholds = thresholds{fragmentSize: 4 << 10, largeInsert: insert, manyInserts: 2, manyRows: 1 << 10, manyToAnalyze: 1, togetherFrom: 1, unasked: -1}
}

// AskAtOnce has the catalog be asked about the table of the first small INSERT already, wherever the server is. It is for tests whose scripts are
// small, and for all loads of the process.
func AskAtOnce() { unasked = -1 }
