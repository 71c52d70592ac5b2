CREATE TABLE t (a int, n numeric(5,2));
