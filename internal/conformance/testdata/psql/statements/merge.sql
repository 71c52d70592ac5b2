insert into u values (1, 'a');
merge into u using (values (1, 'b'), (2, 'c')) s(id, v) on u.id = s.id when matched then update set v = s.v when not matched then insert values (s.id, s.v);
