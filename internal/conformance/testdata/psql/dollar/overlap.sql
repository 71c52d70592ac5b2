insert into t values (1, $a$ x$a b$a$);
insert into t values (2, $a$ $a$);
insert into t values (3, $a$$$a$);
