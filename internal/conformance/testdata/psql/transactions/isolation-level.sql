begin isolation level serializable, read write, not deferrable;
select current_setting('transaction_isolation') as i \gset
\echo :i
insert into t values (1, 'a');
commit;
