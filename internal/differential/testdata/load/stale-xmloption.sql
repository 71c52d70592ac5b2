<<rows 1 8 "\n" "INSERT INTO t (id,x) VALUES (@,'a<b/>');">>
SET xmloption=document;
<<rows 11 18 "\n" "INSERT INTO t (id,x) VALUES (@,'a<b/>');">>
