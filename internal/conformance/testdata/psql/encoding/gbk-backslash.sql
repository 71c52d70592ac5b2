\encoding GBK
insert into t values (1, 'Õ\');
insert into t values (2, E'Õ\\'');
