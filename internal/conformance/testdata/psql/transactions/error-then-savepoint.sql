begin;
savepoint s;
select 1/0;
rollback to s;
insert into t values (3, 'c');
commit;
