<<rows 1 8 "\n" "INSERT INTO t (id) VALUES (@);">>
CREATE OR REPLACE FUNCTION c() RETURNS int LANGUAGE sql VOLATILE AS 'select count(*)::int from t';
<<rows 11 18 "\n" "INSERT INTO t (id) VALUES (@);">>
