\encoding SJIS
insert into t values (1, $$•\;$$);
