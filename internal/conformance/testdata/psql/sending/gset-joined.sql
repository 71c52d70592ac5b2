select 1 as x\; select 2 as x, 3 as y \gset
insert into t values (:x, :'y');
