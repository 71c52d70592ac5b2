CREATE TEMPORARY TABLE t(id int primary key, pad text);
SET default_transaction_read_only = on;
<<rows 1 6000 "\n" "INSERT INTO t VALUES (@,'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx');">>
