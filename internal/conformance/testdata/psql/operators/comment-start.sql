select 1 +/* x */ 2;
insert into t values (1 +/* ; */ 2, 'a');
