begin;
set client_encoding = 'LATIN1';
insert into t values (1, 'é');
rollback;
insert into t values (1, 'Ã©');
