\i sub/inner.sql
\ir sub/inner.sql
