insert into u values (1, 'a');
insert into u values (1, 'b');
insert into u values (2, 'c');
