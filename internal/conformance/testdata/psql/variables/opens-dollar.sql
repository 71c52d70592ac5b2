\set d '$$'
insert into t values (1, :d a;b $$);
