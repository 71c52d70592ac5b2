set session_replication_role = replica;
insert into "order".c values(1);
insert into p values(1);
set session_replication_role = origin;
