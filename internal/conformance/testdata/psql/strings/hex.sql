insert into t values (1, X'1F'::text);
