\echo hello
\echo 'two  words' three   four
\echo
\echo ''
