\q2 x
\r a b
\cd . extra
\unset a b
insert into t values (1, 'a');
