-- A script of another version of the schema: users have no column nick.
TRUNCATE users CASCADE;
INSERT INTO users (id, email, name, nick) VALUES
(1, 'ana@example.org', 'Ana', 'ana');
