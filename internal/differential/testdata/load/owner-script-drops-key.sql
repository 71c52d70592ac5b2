SET session_replication_role=replica;
INSERT INTO chi (id,pid) VALUES (2,1);
ALTER TABLE chi DROP CONSTRAINT fk;
CREATE TRIGGER tr AFTER INSERT ON chi FOR EACH STATEMENT EXECUTE FUNCTION f();
INSERT INTO chi (id,pid) VALUES (3,1);
SET session_replication_role=origin;
INSERT INTO chi (id,pid) VALUES (4,1);
