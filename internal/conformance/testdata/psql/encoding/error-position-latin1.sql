\encoding LATIN1
select 'ייי', nothing;
insert into t values (2, 'b');
