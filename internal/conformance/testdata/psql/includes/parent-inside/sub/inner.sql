\ir ../other.sql
\i sub/../other.sql
