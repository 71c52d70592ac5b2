insert into t values (1, N'abc');
insert into t values (2, n'it''s\');
