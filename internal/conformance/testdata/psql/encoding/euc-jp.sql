\encoding EUC_JP
insert into t values (1, 'дв');
