\if false
do $$ \endif $$;
\endif
insert into t values (2, 'b');
