CREATE TABLE t (a int, f float8);
