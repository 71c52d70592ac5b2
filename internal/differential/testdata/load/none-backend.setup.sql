create table t(id int, p int default pg_backend_pid(), x xid8 default pg_current_xact_id());
