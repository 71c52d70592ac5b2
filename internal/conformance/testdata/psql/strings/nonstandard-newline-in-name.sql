set standard_conforming_strings = off; select 1 as "a
b", 'c\'; d';
insert into t values (1, 'e\'; f');
