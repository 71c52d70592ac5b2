\set ON_ERROR_STOP on
begin read only;
select 1;
commit;
insert into t values (2, 'a');
