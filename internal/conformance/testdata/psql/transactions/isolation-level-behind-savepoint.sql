begin;
savepoint s;
set transaction isolation level serializable;
insert into t values (1, 'a');
commit;
