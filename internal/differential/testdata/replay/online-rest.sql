SET work_mem = '8MB';
TRUNCATE t;
UPDATE w SET n = 2;
INSERT INTO t (id, n, note) VALUES (2, 2, 'new');
SET work_mem = '9MB';
INSERT INTO t (id, n, note) VALUES (3, 2, 'new');
