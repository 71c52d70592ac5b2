begin;
set local work_mem = '1MB';
commit;
insert into t select 1, current_setting('work_mem');
