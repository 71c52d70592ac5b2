TRUNCATE t CASCADE;
INSERT INTO t (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
SELECT format('INSERT INTO t (id,p) VALUES (%s,''new'') ON CONFLICT (id) DO UPDATE SET p=excluded.p', g) FROM generate_series(1999,2002) g \gexec
