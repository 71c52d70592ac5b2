do $$ begin raise exception 'no'; end $$;
insert into t values (1, 'a');
