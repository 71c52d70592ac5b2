\set v 'a  b'
\echo :v :'v' :"v" x:v :nothing :{?v} :{?nothing} ':v' ":v"
