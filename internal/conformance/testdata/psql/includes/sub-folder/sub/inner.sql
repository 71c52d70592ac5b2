insert into t values (1, 'a');
\ir other.sql
\i sub/other.sql
