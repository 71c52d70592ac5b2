\encoding UHC
insert into t values (1, 'ÅA');
