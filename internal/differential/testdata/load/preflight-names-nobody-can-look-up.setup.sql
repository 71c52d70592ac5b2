CREATE TABLE t (id int PRIMARY KEY, a text);
CREATE SCHEMA hidden;
CREATE TABLE hidden.t (id int);
GRANT INSERT ON hidden.t TO own;
ALTER TABLE t OWNER TO own;
