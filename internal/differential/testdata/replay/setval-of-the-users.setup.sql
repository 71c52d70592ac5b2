CREATE TABLE t (id serial PRIMARY KEY, n int, note text);
CREATE SCHEMA other; CREATE FUNCTION other.setval(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
