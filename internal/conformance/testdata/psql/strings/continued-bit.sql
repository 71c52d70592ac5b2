insert into t values (1, B'10'
'01'::text);
