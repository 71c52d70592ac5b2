select 1+$$2$$::int;
insert into t values (1+$$2$$::int, 'x');
