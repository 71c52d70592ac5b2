begin;
set standard_conforming_strings = off;
insert into t values (1, 'a\'b');
rollback;
insert into t values (2, 'b\');
