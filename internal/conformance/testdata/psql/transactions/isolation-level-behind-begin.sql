begin;
set client_min_messages = warning;
set transaction isolation level serializable;
show transaction_isolation \gset
\echo :transaction_isolation
insert into t values (1, 'a');
commit;
