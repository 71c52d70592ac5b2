-- A database with an object of every kind.
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION pgcrypto; CREATE EXTENSION ltree; CREATE EXTENSION pg_trgm;
CREATE EXTENSION postgres_fdw;
CREATE SCHEMA app; CREATE SCHEMA "Odd ""schema""; éàü";
COMMENT ON SCHEMA app IS 'it''s; a "schema"';
SET search_path = app, public;
CREATE TYPE mood AS ENUM ('sad', 'o''k', 'hap;py');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE span AS RANGE (subtype = float8);
CREATE DOMAIN positive AS int DEFAULT 1 CHECK (VALUE > 0);
CREATE COLLATION german (provider = libc, locale = 'C');
CREATE SEQUENCE counter START 5 INCREMENT 3 CYCLE MAXVALUE 1000;
CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL COLLATE german, email citext UNIQUE,
  mood mood DEFAULT 'sad', age positive, tags text[], extra jsonb, raw bytea, span span, p pair, h hstore, path ltree,
  twice int GENERATED ALWAYS AS (age * 2) STORED, seen timestamptz, EXCLUDE USING gist (span WITH &&));
CREATE TABLE notes (id bigserial PRIMARY KEY, person int REFERENCES people DEFERRABLE INITIALLY DEFERRED, body text, UNIQUE NULLS NOT DISTINCT (person, body));
CREATE TABLE parts (k int, v text) PARTITION BY RANGE (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_d PARTITION OF parts DEFAULT;
CREATE TABLE base (a int); CREATE TABLE child (b text) INHERITS (base);
CREATE TABLE "Odd ""schema""; éàü"."a;b 'c'" ("x y" int, "ñ""" text);
CREATE UNLOGGED TABLE fast (a int);
CREATE INDEX trgm ON people USING gin (name gin_trgm_ops) WHERE age > 3;
CREATE STATISTICS st ON name, age FROM people;
CREATE VIEW adults AS SELECT id, name FROM people WHERE age > 18 WITH CHECK OPTION;
CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM people;
CREATE FUNCTION atomic(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN a > 0 THEN a ELSE 0 END; SELECT a + 1; END;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN NEW.seen := '2020-01-01'; /* ; */ RETURN NEW; END; $f$;
CREATE PROCEDURE proc(INOUT a int) LANGUAGE plpgsql AS $$ BEGIN a := a + 1; END $$;
CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER et ON ddl_command_end WHEN TAG IN ('CREATE SEQUENCE') EXECUTE FUNCTION noted();
CREATE TRIGGER tr BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE ru AS ON DELETE TO notes DO ALSO (INSERT INTO base VALUES (1); INSERT INTO base VALUES (2));
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE OPERATOR @+@ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);
CREATE FUNCTION to_pair(int) RETURNS pair LANGUAGE sql AS 'SELECT ROW($1, ''x'')::app.pair';
CREATE CAST (int AS pair) WITH FUNCTION to_pair(int);
CREATE TEXT SEARCH CONFIGURATION ts (COPY = simple);
CREATE TEXT SEARCH DICTIONARY di (TEMPLATE = simple, STOPWORDS = english);
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'example.org', dbname 'it''s');
CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'x', password 'y');
CREATE FOREIGN TABLE away (a int) SERVER far OPTIONS (table_name 'b');
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY po ON notes USING (body <> ';') WITH CHECK (true);
CREATE PUBLICATION pub FOR TABLE people (id, name);
GRANT SELECT ON people TO PUBLIC; GRANT UPDATE (name) ON people TO PUBLIC; REVOKE EXECUTE ON FUNCTION touch() FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC;
COMMENT ON COLUMN people.name IS E'line\nbreak; and \\ backslash';
INSERT INTO people (name, email, mood, age, tags, extra, raw, span, p, h, path) SELECT 'n' || i || E'\t\\ '' é;', 'E' || i || '@x.org', 'hap;py', i,
  ARRAY['a,b', NULL, '"q"', '\'], jsonb_build_object('k', E'v\n' || i), decode('00ff5c27', 'hex'), span(i, i + 0.5), ROW(i, '(,)')::pair, 'a=>"b;c"', 'Top.Science'
  FROM generate_series(1, 50) i;
INSERT INTO notes (person, body) SELECT i, E'-- not; a comment\n/* nor */ \\. $$ ' || repeat('long ', 400) FROM generate_series(1, 40) i;
INSERT INTO parts SELECT i, NULLIF('v' || i, 'v3') FROM generate_series(0, 20) i;
INSERT INTO base VALUES (7); INSERT INTO child VALUES (8, E'\\N');
INSERT INTO "Odd ""schema""; éàü"."a;b 'c'" VALUES (1, 'é');
REFRESH MATERIALIZED VIEW counts;
SELECT nextval('counter');
SELECT lo_from_bytea(4711, '\x00ff5c272e0a'); COMMENT ON LARGE OBJECT 4711 IS 'large';
