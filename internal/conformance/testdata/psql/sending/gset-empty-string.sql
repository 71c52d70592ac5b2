select '' as x \gset
insert into t values (1, :'x');
