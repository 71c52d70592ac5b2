insert into t values (1, 'a\'), (2, 'b');
set standard_conforming_strings
= off;
insert into t values (3, 'a\'), (4, ''b');
