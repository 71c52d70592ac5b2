set standard_conforming_strings = off;
set standard_conforming_strings = on; insert into t values (1, 'a\'b');
insert into t values (2, 'b\');
