\ir nothing.sql
insert into t values (1, 'a');
