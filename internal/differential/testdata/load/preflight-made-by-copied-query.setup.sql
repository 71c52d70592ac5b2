create function mk() returns int language plpgsql as 'begin create table if not exists made(id int); return 1; end';
