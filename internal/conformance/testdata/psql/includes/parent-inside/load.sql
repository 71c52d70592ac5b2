\i sub/inner.sql
insert into t values (3, 'c');
