insert into t values (1, 'a');
prepare transaction 'conformance';
rollback prepared 'conformance';
