select 1 as x, 'a b' as y \gset
insert into t values (:x, :'y');
