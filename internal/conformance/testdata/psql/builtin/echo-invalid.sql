\set ECHO loud
\echo :ECHO
