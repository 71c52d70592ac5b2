set session_replication_role = replica;
insert into q values(5,5);
comment on table z is 'between';
insert into p values(5);
set session_replication_role = origin;
delete from p where id=1;
