select 1 as x, 'a b' as y \gset p_
insert into t values (:p_x, :'p_y');
