set session_replication_role = replica;
insert into ch values(5,5,1);
comment on table z is 'z';
delete from ch;
alter table ch drop constraint if exists chk;
set session_replication_role = origin;
insert into ch values(6,6,1);
