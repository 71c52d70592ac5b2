CREATE TABLE p (id int PRIMARY KEY);
CREATE TABLE c (id int, p int REFERENCES p);
DO $$DECLARE n name; r regclass; BEGIN FOR n, r IN SELECT tgname, tgrelid FROM pg_trigger WHERE tgconstraint <> 0 AND tgrelid IN ('p'::regclass, 'c'::regclass) LOOP EXECUTE format('ALTER TABLE %s ENABLE REPLICA TRIGGER %I', r, n); END LOOP; END$$;
