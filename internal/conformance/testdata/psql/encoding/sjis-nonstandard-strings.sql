\encoding SJIS
set standard_conforming_strings = off;
insert into t values (1, '•\'); insert into t values (2, 'b');
