insert into t values (3 +-- ;
2, 'a');
