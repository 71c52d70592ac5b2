-- ÿ
insert into t values (1, 'a'); -- Ã
insert into t values (2, 'b');
