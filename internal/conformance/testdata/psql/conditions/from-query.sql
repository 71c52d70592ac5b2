select count(*) = 0 as empty from t \gset
\if :empty
insert into t values (1, 'a');
\endif
