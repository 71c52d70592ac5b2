\set v 'a\xff'
insert into t values (1, :'v');
insert into t values (2, 'b');
