begin;
insert into t values (1, 'a');
prepare transaction 'conformance';
rollback prepared 'conformance';
insert into t values (2, 'b');
