\set v '\q\a\1\12\123\x\x1\xff1'
\set w '\q\a\1\12\x\x1'
insert into t values (1, :'w');
