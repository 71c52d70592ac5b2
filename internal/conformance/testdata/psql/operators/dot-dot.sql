do $$ begin for i in 1..3 loop insert into t values (i, 'x'); end loop; end $$;
