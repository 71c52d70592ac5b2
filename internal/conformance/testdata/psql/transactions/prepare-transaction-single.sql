insert into t values (1, 'a');
prepare transaction 'single';
rollback prepared 'single';
