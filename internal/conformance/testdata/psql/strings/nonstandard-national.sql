set standard_conforming_strings = off;
insert into t values (1, N'a\'b');
