create index concurrently ix on t (a);
insert into t values (2, 'b');
