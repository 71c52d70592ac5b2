\if true
insert into t
\endif
values (1, 'a');
