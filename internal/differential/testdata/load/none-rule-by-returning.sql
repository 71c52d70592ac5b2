INSERT INTO t (id,p) VALUES (1,'a'),(2,'a'),(3,'a');
<<rows 4 9 "\n" "INSERT INTO t VALUES (@,'a');">>
INSERT INTO one VALUES (1) RETURNING make('CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO l VALUES (new.id)');
<<rows 11 19 "\n" "INSERT INTO t VALUES (@,'a');">>
