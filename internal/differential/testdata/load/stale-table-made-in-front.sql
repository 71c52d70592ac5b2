SET search_path=s1,s2;
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
CREATE TABLE s1.t (LIKE s2.t);
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
