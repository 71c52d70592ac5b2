\encoding LATIN1
insert into t values (1, 'café');
\encoding UTF8
insert into t values (2, 'cafÃ©');
