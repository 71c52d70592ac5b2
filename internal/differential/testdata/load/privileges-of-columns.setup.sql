create table t(id int, n text, z text default 'q'); grant insert (id, n) on t to own1;
