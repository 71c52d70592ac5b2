create table d (x int unique deferrable initially deferred);
begin;
insert into d values (1), (1);
delete from d;
commit;
begin;
insert into d values (1), (1);
commit;
insert into t values (1, 'a');
