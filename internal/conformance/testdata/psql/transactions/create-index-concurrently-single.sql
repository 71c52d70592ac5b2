insert into t values (2, 'b');
create index concurrently ix on t (a);
