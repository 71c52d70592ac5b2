CREATE SCHEMA s1;
CREATE TABLE d(x text default current_setting('my.way'));
INSERT INTO d DEFAULT VALUES;
INSERT INTO s1.d VALUES ('a');
