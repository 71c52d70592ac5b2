-- Holds a load up in its midst, whatever session_replication_role is.
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$;
CREATE TRIGGER wait BEFORE INSERT ON users FOR EACH STATEMENT EXECUTE FUNCTION wait();
ALTER TABLE users ENABLE ALWAYS TRIGGER wait;
