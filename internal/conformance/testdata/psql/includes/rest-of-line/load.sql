\i inner.sql \\ insert into t values (1, 'a');
\i inner.sql \echo after
