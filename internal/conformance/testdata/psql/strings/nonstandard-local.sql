begin;
set local standard_conforming_strings = off;
insert into t values (1, 'a\'b');
commit;
insert into t values (2, 'b\');
