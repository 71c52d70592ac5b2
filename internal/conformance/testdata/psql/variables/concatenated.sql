\set v a b 'c d' "e f"
insert into t values (1, :'v');
