insert into t values (1, ('{"a":1}'::jsonb ? 'a')::text);
