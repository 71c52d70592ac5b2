select 'x' where false \gexec
select '' \gexec
insert into t values (1, 'a');
