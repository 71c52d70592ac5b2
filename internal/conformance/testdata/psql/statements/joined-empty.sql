\;\;;
insert into t values (1, 'a')\;;
\; insert into t values (2, 'a');
