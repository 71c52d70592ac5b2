insert into t select case when 1 = 1 then 1 else 2 end, 'a';
