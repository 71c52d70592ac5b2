set standard_conforming_strings = off;
insert into t values (1, B'1\');
insert into t values (2, 'x');
