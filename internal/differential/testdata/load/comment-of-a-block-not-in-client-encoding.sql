SET client_encoding = 'WIN1252';
INSERT INTO t VALUES (1, 'a');
BEGIN /* Á */;
COMMIT;
