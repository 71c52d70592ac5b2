\i inner.sql

selec;
insert into t values (1, 'a');
