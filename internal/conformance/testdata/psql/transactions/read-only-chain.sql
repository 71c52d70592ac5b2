begin read only;
select 1;
commit and chain;
insert into t values (2, 'a');
