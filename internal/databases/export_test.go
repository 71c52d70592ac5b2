package databases

// Unfinished is unfinished for tests.
var Unfinished = unfinished
