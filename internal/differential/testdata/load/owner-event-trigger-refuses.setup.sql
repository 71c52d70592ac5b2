grant create on schema public to own1;
create function evt() returns event_trigger language plpgsql security definer as 'begin raise ''no DDL''; end';
create table t(id int primary key, p text); create index on t(p); alter table t owner to own1;
create event trigger e1 on ddl_command_start execute function evt();
