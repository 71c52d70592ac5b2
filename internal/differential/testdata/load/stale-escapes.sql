<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a\\nb');">>
SET standard_conforming_strings=off;
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a\\nb');">>
SET standard_conforming_strings=on;
<<rows 21 28 "\n" "INSERT INTO t (id,p) VALUES (@,'a\\nb');">>
