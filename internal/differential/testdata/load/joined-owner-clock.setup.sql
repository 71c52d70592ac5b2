create table t(id int, c timestamptz default statement_timestamp(), q text default current_query()); create table l(n int, q text); alter table t owner to own1; alter table l owner to own1;
