\set AUTOCOMMIT off
insert into t values (1, 'a');
select 1/0;
insert into t values (2, 'b');
rollback;
insert into t values (3, 'c');
commit;
