insert into t values (1, 'a');
selec 1;
insert into t values (2, 'b');
