insert into t select 1, 'a' where 2 <>-- ;
1;
