insert into t select 1, 'a' where 1 != 2 and 1 <> 2 and 1 <= 2 and not 1 >= 2;
