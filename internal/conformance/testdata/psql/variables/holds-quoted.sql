\set q '''a;b'''
insert into t values (1, :q), (2, :q'c');
