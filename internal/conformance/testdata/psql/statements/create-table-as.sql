create table x as select generate_series(1, 3) as n;
