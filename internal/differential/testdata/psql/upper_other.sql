CREATE TABLE a(n text);
\ECHO x
CREATE TABLE b(n text);
