\include inner.sql
\include_relative inner.sql
insert into t values (2, 'b');
