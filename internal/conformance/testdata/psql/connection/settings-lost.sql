set work_mem = '1MB';
begin;
insert into t values (0, 'lost');
\connect
insert into t select 1, current_setting('work_mem');
