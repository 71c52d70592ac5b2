INSERT INTO t VALUES (1);
SET transaction_timeout = 0 garbage;
INSERT INTO t VALUES (2);
