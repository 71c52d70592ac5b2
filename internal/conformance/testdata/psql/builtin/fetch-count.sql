\set FETCH_COUNT 2
select generate_series(1, 5);
insert into t values (1, 'a');
