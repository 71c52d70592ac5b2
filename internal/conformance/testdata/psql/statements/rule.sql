create rule r as on insert to u do also (insert into t values (new.id, 'x'); insert into t values (new.id + 1, 'y'));
insert into u values (1, 'v');
