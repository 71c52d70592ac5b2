declare c cursor for select 1;
declare h cursor with hold for select 1;
fetch h;
