set standard_conforming_strings = off;
insert into t values (2, 'a\'b');
