\echo -n hello
\echo  world
\echo -n
\echo '-n' quoted
\echo -n -n
