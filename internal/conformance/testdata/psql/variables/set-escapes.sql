\set v 'a\tb\nc\101\x41\\\'''
insert into t values (1, :'v');
