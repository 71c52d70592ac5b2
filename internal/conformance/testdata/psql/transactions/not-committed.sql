insert into t values (1, 'a');
begin;
insert into t values (2, 'b');
