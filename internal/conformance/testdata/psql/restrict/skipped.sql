\if false
\restrict abc
\endif
\echo x
