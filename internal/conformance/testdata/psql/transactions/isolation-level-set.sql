-- first
set transaction isolation level repeatable read;
show transaction_isolation \gset
\echo :transaction_isolation
insert into t values (1, 'a');
