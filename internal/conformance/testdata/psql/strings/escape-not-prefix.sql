create table name(x text);
insert into t select 1, type'a\' from (select 1) s;
insert into t values (1, 'next');
