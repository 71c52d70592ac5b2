create function "begin"() returns int language sql begin atomic select 1 as "end"; end;
insert into t values ("begin"(), 'a');
