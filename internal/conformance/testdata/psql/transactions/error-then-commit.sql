begin;
insert into t values (1, 'a');
select 1/0;
insert into t values (2, 'b');
commit;
insert into t values (3, 'c');
