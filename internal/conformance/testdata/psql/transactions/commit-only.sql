insert into t values (1, 'a');
commit;
insert into t values (2, 'b');
