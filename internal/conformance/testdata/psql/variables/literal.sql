\set v 'it''s "a" \\ b'
insert into t values (1, :'v');
