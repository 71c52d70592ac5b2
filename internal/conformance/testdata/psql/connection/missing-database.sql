\connect nothing_at_all
insert into t values (1, 'a');
