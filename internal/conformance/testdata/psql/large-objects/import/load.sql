begin;
\lo_import 'object.txt'
insert into t select 1, convert_from(lo_get(:LASTOID), 'UTF8');
\lo_unlink :LASTOID
commit;
