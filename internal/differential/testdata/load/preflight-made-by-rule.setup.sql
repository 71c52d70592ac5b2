create table t(id int); create function mk() returns int language plpgsql as 'begin create table if not exists made(id int); return 1; end'; create rule r as on delete to t do also select mk();
