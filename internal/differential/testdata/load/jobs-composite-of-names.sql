CREATE TEMPORARY TABLE foo(b int);
<<rows 0 99 "\n" "INSERT INTO t (id,c) VALUES (@,'(foo,@)');">>
<<rows 0 99 "\n" "INSERT INTO u (id,c) VALUES (@,'(foo,@)');">>
