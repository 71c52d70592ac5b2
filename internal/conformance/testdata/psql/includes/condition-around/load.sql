\if false
\i inner.sql
\endif
\if true
\i inner.sql
\endif
