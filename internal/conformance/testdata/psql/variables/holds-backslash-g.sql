\set c '\\g'
insert into t values (1, 'a') :c
