create rule r as on insert to u do instead nothing;
insert into u values (1, 'v');
