\x \a \t \d t
insert into t values (1, 'a');
