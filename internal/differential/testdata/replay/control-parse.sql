INSERT INTO t VALUES (1, 1, '');
COMMIT \parse a
