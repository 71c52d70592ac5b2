WITH x AS (INSERT INTO t (id,a,c) VALUES
<<rows 0 3499 ",\n" "(@,'x*1000','a')">>
RETURNING 1) SELECT count(*) AS n FROM x \gset
INSERT INTO u VALUES (:n);
