SELECT to_regclass('missing') IS NOT NULL AS there \gset
\if :there
INSERT INTO missing VALUES (1);
\endif
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
