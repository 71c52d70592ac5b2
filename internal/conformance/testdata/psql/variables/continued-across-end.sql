\set n '''a'''
insert into t values (1, :n'b');
insert into t values (1, :n
'b');
