\encoding SJIS
select '•\•\', nothing;
insert into t values (2, 'b');
