\copy (select 'it''s (' as x, E'\'' as y, "b" from t where a in (1, 2)) to stdout
insert into t values (3, 'b');
