set standard_conforming_strings = off;
insert into t values (1, 'a\'b');
reset standard_conforming_strings;
insert into t values (2, 'b\');
reset all;
insert into t values (2, 'c\');
