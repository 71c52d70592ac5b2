SET session_replication_role=replica;
INSERT INTO t VALUES (1,'a');
SELECT make('CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()');
COPY t FROM stdin;
2	b
\.
