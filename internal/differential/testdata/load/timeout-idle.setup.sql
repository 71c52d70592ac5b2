create table t(id int primary key, p text); do $$ begin execute format('alter database %I set idle_in_transaction_session_timeout=''2s''',current_database()); end $$;
