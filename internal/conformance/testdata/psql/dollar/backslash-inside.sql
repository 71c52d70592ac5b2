insert into t values (1, $$\d;\echo x
\i nothing
$$);
