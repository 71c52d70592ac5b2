set client_encoding=latin1;
set session_replication_role = replica;
insert into c values(null);
insert into "ü" values (1);
do $$ begin insert into c values (1, 1); end $$;
comment on table c is 'c';
insert into c ("ö") values (7);
delete from c where id = 1;
set session_replication_role = origin;
