select "a;
select 1;
