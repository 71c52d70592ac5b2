select format('create table x%s (a int)', i) from generate_series(1, 3) i \gexec
insert into x2 values (1);
