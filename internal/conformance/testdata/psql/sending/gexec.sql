select 'insert into t values (1, ''a'')', 'insert into t values (2, ''b'')' union all select null, 'insert into t values (3, ''c'')' \gexec
