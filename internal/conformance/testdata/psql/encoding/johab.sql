\encoding JOHAB
insert into t values (1, 'ˆa');
