insert into t values (1, 'a') \gx
select 1 \gx
