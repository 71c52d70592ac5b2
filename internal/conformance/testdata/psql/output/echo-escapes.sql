\echo 'a\tb\\c\x41' a\\ b
\echo "a\tb"
