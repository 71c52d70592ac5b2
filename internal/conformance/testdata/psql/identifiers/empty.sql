select 1 as "";
insert into t values (1);
