create table t(id int, at timestamptz); do $$ begin execute format('alter database %I set timezone=''America/New_York''',current_database()); end $$;
