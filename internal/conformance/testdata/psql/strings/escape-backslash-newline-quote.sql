insert into t values (1, E'a\
''b');
