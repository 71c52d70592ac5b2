insert into t values (1, E'a' || N'b' || B'1'::text || X'a'::text || U&'c');
