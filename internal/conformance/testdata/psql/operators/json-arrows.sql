insert into t values (1, '{"a":{"b":1}}'::jsonb #>> '{a,b}');
insert into t values (2, '{"a":2}'::json->>'a');
