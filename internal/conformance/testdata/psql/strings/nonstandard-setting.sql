set standard_conforming_strings = off;
insert into t values (1, 'a\'b;c');
set standard_conforming_strings = on;
insert into t values (2, 'a\');
