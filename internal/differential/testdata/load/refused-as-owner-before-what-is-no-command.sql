TRUNCATE t;
INSERT INTO t VALUES <<rows 1 4000 ",\n" "(@,'x*80 @')">>;
INSERT INTO t VALUES (5,'again');
\nosuch
