CREATE FUNCTION five() RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN (SELECT count(*) FROM s); END';
CREATE TABLE s (id int, n int DEFAULT 5, at date DEFAULT current_date - current_date + date '2020-01-01', no serial);
CREATE TABLE c (id int, n int DEFAULT 0);
ALTER TABLE c ALTER n SET DEFAULT 1;
CREATE TABLE t (id int PRIMARY KEY, n int, note text);
CREATE TABLE f (id int, n int DEFAULT five());
