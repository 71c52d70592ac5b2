CREATE SCHEMA o AUTHORIZATION own1; SET ROLE own1; CREATE TABLE o.t (id int PRIMARY KEY, n int, note text); CREATE INDEX t_n ON o.t (n); CREATE TABLE o.u (id int PRIMARY KEY, t int REFERENCES o.t);
