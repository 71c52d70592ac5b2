// Package sqltext reads what the text of one SQL statement says: what kind it is, which relations it fills, empties or changes,
// what it may change besides, and what in it is never done for a script from outside. It knows no server: where the text does not
// say for certain, the answer is the one that allows least.
//
// Parse is the only reader of a statement's text, and Tokens what it reads with. Text comes as psql cuts scripts into statements, in
// an encoding in which no byte of a character can be taken for another one (see psql.Masked).
package sqltext
