INSERT INTO t (id,a,c) VALUES
<<rows 0 3499 ",\n" "(@,'x*1000','a')">>
ON CONFLICT (id) DO UPDATE SET a='new';
