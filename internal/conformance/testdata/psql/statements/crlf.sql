insert into t
values (1, 'a
b');
insert into t values (2, 'c');
