\set v 'it''s'
insert into t values (1, :'v');
