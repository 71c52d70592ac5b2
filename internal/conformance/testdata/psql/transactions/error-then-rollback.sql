begin;
insert into t values (1, 'a');
select 1/0;
rollback;
insert into t values (3, 'c');
