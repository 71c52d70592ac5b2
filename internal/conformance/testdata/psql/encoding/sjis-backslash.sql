\encoding SJIS
insert into t values (1, '•\');
insert into t values (2, 'ƒ\ƒ\;');
