INSERT INTO t VALUES (1, 'a');
BEGIN /* a /* b */
