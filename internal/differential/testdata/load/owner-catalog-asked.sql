set session_replication_role = replica;
insert into c values(1);
insert into d(p) values(1);
insert into p values(1);
select format('alter table %s drop constraint %I', conrelid::regclass, conname) from pg_constraint where contype = 'f' and conrelid = 'c'::regclass \gexec
insert into d(p) values(5);
select exists(select 1 from information_schema.referential_constraints where constraint_name = 'l') as has, (select tgenabled from pg_trigger where tgname = 'stop') as on \gset
\if :has
insert into m values ('l is there, and its trigger ' || :'on');
\endif
insert into m values ('joined') \; select 1 from pg_constraint;
insert into d values (nextval(pg_get_serial_sequence('d', 'id')), 6, now());
select pg_catalog.setval(pg_get_serial_sequence('d', 'id'), 40);
do $$ begin perform 1 from pg_constraint where conname = 'l'; if not found then raise 'no key'; end if; end $$;
insert into d(p) values(7);
insert into p values(5), (6), (7);
update d set at = null;
set session_replication_role = origin;
