begin;
declare c cursor for select 1;
fetch all from c;
close c;
commit;
