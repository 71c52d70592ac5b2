\i ./inner.sql
\ir ./inner.sql
\i .//inner.sql
