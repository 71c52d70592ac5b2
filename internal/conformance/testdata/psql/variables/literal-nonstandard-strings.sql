set standard_conforming_strings = off;
\set v 'a\\b''c'
insert into t values (1, :'v');
