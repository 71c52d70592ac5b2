begin\; insert into t values (1, 'a')\; commit;
insert into t values (2, 'b')\; rollback;
insert into t values (3, 'c')\; select 1/0\; commit;
insert into t values (4, 'd');
