\set q ''''
insert into t values (1, :q a;b:q);
insert into t values (2, 'x');
