TRUNCATE par, chi CASCADE;
INSERT INTO par (id,p) VALUES
<<rows 1 3000 ",\n" "(@,'x*200')">>;
<<rows 1 3 "\n" "INSERT INTO chi VALUES (@,@);">>
