do $$ begin
  perform nothing from t;
end $$;
insert into t values (1, 'a');
