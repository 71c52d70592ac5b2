create procedure p() language plpgsql as $$ begin insert into t values (1, 'a'); commit; end $$;
call p();
