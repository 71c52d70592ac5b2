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
REFRESH MATERIALIZED VIEW counts;
SELECT nextval('counter');
SELECT lo_from_bytea(4711, '\x00ff5c272e0a'); COMMENT ON LARGE OBJECT 4711 IS 'large';
INSERT INTO "Odd ""schema""; éàü"."a;b 'c'" SELECT i, 'é' || i FROM generate_series(1, 20) i;
CREATE TABLE "Größe" ("Maß" int PRIMARY KEY, "für""s" text DEFAULT 'ü'); INSERT INTO "Größe" SELECT i, 'ß' || i FROM generate_series(1, 20) i;
CREATE TABLE none (); INSERT INTO none DEFAULT VALUES;
CREATE TABLE of_pair OF pair (PRIMARY KEY (a)); INSERT INTO of_pair SELECT i, i FROM generate_series(1, 9) i;
CREATE TABLE hashed (k int PRIMARY KEY, v mood[]) PARTITION BY HASH (k);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed SELECT i, '{sad,"hap;py",NULL}' FROM generate_series(1, 20) i;
CREATE TABLE listed (k text, id serial, UNIQUE (k, id)) PARTITION BY LIST (k);
CREATE TABLE listed_a PARTITION OF listed FOR VALUES IN ('a', 'it''s', NULL); INSERT INTO listed VALUES ('a'), (NULL), ('it''s');
CREATE TABLE kept (id int GENERATED BY DEFAULT AS IDENTITY, at timestamp(3) with time zone, amount numeric, raw bytea, bits bit varying(9),
  net inet, clock timetz, way interval, spans int4multirange, place point, doc xml, key uuid, words tsvector, mac macaddr, one "char", money money);
ALTER TABLE kept ADD PRIMARY KEY (id) INCLUDE (amount); ALTER TABLE kept CLUSTER ON kept_pkey; ALTER TABLE kept REPLICA IDENTITY FULL;
ALTER TABLE kept ALTER raw SET STORAGE EXTERNAL; ALTER TABLE kept ALTER amount SET STATISTICS 500; ALTER TABLE kept SET (fillfactor = 70);
INSERT INTO kept SELECT i, '2020-02-29 23:59:59.999+02', 'NaN', '\x00', B'101', '::1/64', '04:05:06.789-08', '1 year -2 days', '{[1,3),[5,)}', '(1,-2)', '<a>é</a>',
  'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'fat:1A', '08:00:2b:01:02:03', '''', '12.34' FROM generate_series(1, 12) i;
ALTER SEQUENCE kept_id_seq RESTART 100; INSERT INTO kept (at, amount) VALUES ('-infinity', '-Infinity'), ('0044-03-15 BC', 0);
CREATE TABLE child_of_many (c int) INHERITS (base, none); INSERT INTO child_of_many VALUES (1, 2);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON kept DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.id > 1000) EXECUTE FUNCTION touch();
CREATE RECURSIVE VIEW numbers (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 5;
CREATE VIEW guarded WITH (security_barrier) AS SELECT * FROM kept; ALTER VIEW guarded ALTER amount SET DEFAULT 7;
CREATE TRIGGER instead INSTEAD OF INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION touch();
CREATE MATERIALIZED VIEW empty AS SELECT 1 AS one WITH NO DATA; CREATE UNIQUE INDEX ON counts (n);
CREATE FUNCTION shouts(text, VARIADIC "more" int[] DEFAULT '{}') RETURNS SETOF text LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 3 ROWS 7 SET search_path = 'app', pg_temp
  AS $_$SELECT upper($1) || $$;$$ -- $body$
$_$;
CREATE FUNCTION rows_of() RETURNS TABLE (a int, b text) LANGUAGE sql BEGIN ATOMIC SELECT 1, ';'; END;
CREATE OPERATOR FAMILY odd USING btree; CREATE OPERATOR CLASS backwards FOR TYPE int USING btree AS OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 btint4cmp(int, int);
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler; CREATE TABLE stored (a int) USING heap2;
CREATE CONVERSION mine FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TYPE shell; CREATE TYPE custom;
CREATE FUNCTION custom_in(cstring) RETURNS custom LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION custom_out(custom) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE custom (INPUT = custom_in, OUTPUT = custom_out, LIKE = text); CREATE TABLE customs (c custom); INSERT INTO customs VALUES ('x'), ('é');
CREATE TEXT SEARCH TEMPLATE te (LEXIZE = dsimple_lexize, INIT = dsimple_init);
CREATE TEXT SEARCH PARSER pa (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE SUBSCRIPTION sub CONNECTION 'host=192.0.2.1 dbname=x' PUBLICATION pub WITH (connect = false);
CREATE PUBLICATION partly FOR TABLES IN SCHEMA app WITH (publish = 'insert'); COMMENT ON TRIGGER tr ON people IS $$;'$$;
GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC;
