INSERT INTO t VALUES (1, 'before');
\set ON_ERROR_ROLLBACK on
\set ON_ERROR_STOP off
INSERT INTO hidden.t VALUES (1);
INSERT INTO elsewhere.public.t VALUES (1, 'of another database');
INSERT INTO a.b.c.t VALUES (1, 'of too many parts');
TRUNCATE hidden.t;
DELETE FROM elsewhere.public.t;
INSERT INTO t VALUES (2, 'after');
