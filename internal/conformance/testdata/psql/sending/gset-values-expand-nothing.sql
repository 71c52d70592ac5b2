select ':y' as x, 'z' as y \gset
insert into t values (1, :'x');
