set session_replication_role = replica;
alter table c drop constraint k;
insert into c values(1);
alter table c add constraint k foreign key (id) references p not valid;
alter table c validate constraint k;
