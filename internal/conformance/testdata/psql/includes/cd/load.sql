\cd sub
\i inner.sql
\ir sub/inner.sql
\cd ..
\i sub/inner.sql
