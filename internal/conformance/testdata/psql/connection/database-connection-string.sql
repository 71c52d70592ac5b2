select current_database() as db \gset
\connect -reuse-previous=on 'dbname=':db
insert into t values (1, 'a');
