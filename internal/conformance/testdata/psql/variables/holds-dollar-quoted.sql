\set d '$$a;b$$'
insert into t values (1, :d);
