\pset format unaligned
\pset
\pset null '(null)'
\x
\x on
\a
\t
\t on
\H
\html
\f ','
\C 'title'
\T border=1
\timing off
insert into t values (1, 'a');
