select current_database() as db \gset
\c :db
insert into t values (1, 'a');
\connect :db postgres
insert into t values (2, 'a');
