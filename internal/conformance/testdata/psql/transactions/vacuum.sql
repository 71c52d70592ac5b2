vacuum t;
insert into t values (2, 'b');
