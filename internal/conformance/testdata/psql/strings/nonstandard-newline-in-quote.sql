set standard_conforming_strings = off; select 'a
b', 'c\'; d', "x
y" from (select 1 as "x
y") q;
insert into t values (1, 'e\'; f');
