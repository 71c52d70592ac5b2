CREATE TABLE t (a int);
SET transaction_timeout = 0;
INSERT INTO t VALUES (1);
