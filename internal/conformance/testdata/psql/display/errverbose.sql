\errverbose
select 1/0;
\errverbose
insert into t values (1, 'a');
