begin work; insert into t values (1, 'a'); commit work;
begin transaction isolation level serializable; insert into t values (2, 'a'); end;
start transaction read write; insert into t values (3, 'a'); abort;
begin; insert into t values (4, 'a'); end transaction;
/* c */ begin; insert into t values (5, 'a'); rollback work;
begin; insert into t values (6, 'a'); commit and no chain;
