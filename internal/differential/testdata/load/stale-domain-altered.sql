<<rows 1 8 "\n" "INSERT INTO t VALUES (@,1);">>
ALTER DOMAIN d ADD CHECK (c(value));
<<rows 11 18 "\n" "INSERT INTO t VALUES (@,1);">>
