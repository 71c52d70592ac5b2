select 1 as x \gset \\ insert into t values (:x, 'a');
