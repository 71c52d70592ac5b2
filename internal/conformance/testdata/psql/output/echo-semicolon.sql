\echo a;
\echo a ; b
