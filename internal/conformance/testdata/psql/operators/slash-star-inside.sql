create operator @/ (leftarg = int, rightarg = int, function = int4mul);
insert into t values (2 @/ 3, 'a');
select 2 @/* 3; */ @/ 3;
insert into t values (2, 'b');
