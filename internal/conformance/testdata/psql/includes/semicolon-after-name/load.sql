\i inner.sql;
\i inner.sql;;;
insert into t values (2, 'b');
