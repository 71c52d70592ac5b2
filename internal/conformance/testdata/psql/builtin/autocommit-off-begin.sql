\set AUTOCOMMIT off
begin;
insert into t values (1, 'a');
commit;
/* comment */ start transaction;
insert into t values (2, 'a');
end;
