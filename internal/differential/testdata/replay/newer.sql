SET transaction_timeout = 0;
SET transaction_timeout = 0;
SET default_table_access_method = heap;
INSERT INTO t VALUES (1, 1, '');
SET transaction_timeout = 0\; SELECT 1;
