\i inner.sql other
insert into t values (1, 'a');
