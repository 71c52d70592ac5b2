insert into t values (1, 'a');
commit;
begin isolation level serializable;
show transaction_isolation \gset
\echo :transaction_isolation
insert into t values (2, 'a');
commit;
