<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO l VALUES (new.id);
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
