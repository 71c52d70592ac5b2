create table ddl_log(tag text); grant insert on ddl_log to public; grant create on schema public to own1;
create function evt() returns event_trigger language plpgsql security definer as 'begin insert into ddl_log values (tg_event||'' ''||tg_tag); end';
create table t(id int primary key, p text); create index on t(p); alter table t owner to own1;
create event trigger e1 on ddl_command_end execute function evt(); create event trigger e2 on sql_drop execute function evt(); alter event trigger e1 enable always;
