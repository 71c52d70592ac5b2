insert into t values (1, $delim$a$junk$delim$);
