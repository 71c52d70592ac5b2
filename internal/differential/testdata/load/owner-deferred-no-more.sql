set constraints d immediate;
set session_replication_role = replica;
insert into e values(1);
insert into p values(1);
set session_replication_role = origin;
insert into e values(2);
insert into p values(2);
