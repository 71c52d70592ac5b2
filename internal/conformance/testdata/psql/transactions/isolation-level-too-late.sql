insert into t values (1, 'a');
begin isolation level serializable;
insert into t values (2, 'a');
