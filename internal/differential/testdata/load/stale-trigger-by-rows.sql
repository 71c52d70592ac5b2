SET session_replication_role=replica;
COPY t FROM stdin;
1	a
\.
INSERT INTO does VALUES ('CREATE TRIGGER tr AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION f()');
COPY does FROM stdin;
ALTER TABLE t ENABLE REPLICA TRIGGER tr
\.
<<rows 11 19 "\n" "INSERT INTO t VALUES (@,'a');">>
