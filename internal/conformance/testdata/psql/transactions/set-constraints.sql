create table d (x int unique deferrable);
begin;
set constraints all deferred;
insert into d values (1), (1);
delete from d;
commit;
