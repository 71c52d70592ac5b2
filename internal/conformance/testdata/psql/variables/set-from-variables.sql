\set a 1
\set b :a :'a' :"a" x:a :{?a} :{?nothing} :nothing
insert into t values (1, :'b');
