set session_replication_role = replica;
insert into c values(1,5);
insert into c values(2,6);
insert into z values(5),(6);
update z set id = id;
set session_replication_role = origin;
