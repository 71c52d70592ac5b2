insert into t values (1, E'a\'b');
insert into t values (2, E'a\\');
insert into t values (3, E'\n\t\x41\101\u00e9\U0001F600');
