INSERT INTO t VALUES (1, 1, '')\; SELECT * FROM begin atomic \; COMMIT;
SELECT 1/0;
