prepare p as insert into t values ($1,$$;$$||$2);
execute p(1, 'a');
