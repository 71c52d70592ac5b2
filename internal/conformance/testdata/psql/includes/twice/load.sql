\i inner.sql
\i inner.sql
