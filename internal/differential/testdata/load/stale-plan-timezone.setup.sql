create table t(id int primary key, at timestamptz, p text); do $$ begin execute format('alter database %I set timezone=''UTC''',current_database()); end $$;
