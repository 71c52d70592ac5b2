\set AUTOCOMMIT off
vacuum t;
  /* a */ -- b
vacuum t;
discard all;
reindex database nothing;
create index concurrently on t (a);
commit;
create unique index concurrently ix on t (a);
drop index concurrently ix;
cluster;
checkpoint;
commit;
insert into t values (1, 'a');
commit;
