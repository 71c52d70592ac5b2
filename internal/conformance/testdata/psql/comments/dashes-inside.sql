insert into t -- the; table
values (1, -- it's
'a');
