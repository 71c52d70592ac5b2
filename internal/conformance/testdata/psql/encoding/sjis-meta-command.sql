\encoding SJIS
\set v '•\'
insert into t values (1, :'v');
\echo •\ x
