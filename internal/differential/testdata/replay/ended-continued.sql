INSERT INTO t VALUES (1, 1, '');
select $$select E'a'
'\'' ; commit ; select ''$$ \gexec
SELECT 1/0;
