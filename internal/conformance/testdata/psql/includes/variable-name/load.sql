\set f inner.sql
\i :f
\set d inner
\i :d.sql
\i :'d'
insert into t values (2, 'b');
