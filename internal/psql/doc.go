// Package psql reads scripts of psql's language: it cuts SQL into the statements that psql would send, to the byte, keeps
// variables and conditionals, carries out the meta-commands that need no server and hands on those that do. It follows the
// psql chapter of PostgreSQL's manual and psql's own behaviour, and knows no database. What psql would do with a shell, with
// the environment or with files outside of the archive it refuses.
package psql
