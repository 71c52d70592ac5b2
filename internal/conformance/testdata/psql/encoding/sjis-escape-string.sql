\encoding SJIS
insert into t values (1, E'•\\'x');
insert into t values (2, 'b');
