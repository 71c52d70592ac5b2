begin read only;
select 1;
rollback and chain;
insert into t values (2, 'a');
