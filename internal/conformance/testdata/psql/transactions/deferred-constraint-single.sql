create table d (x int unique deferrable initially deferred);
insert into d values (1), (1);
insert into t values (1, 'a');
