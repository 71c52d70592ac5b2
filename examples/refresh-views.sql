-- Refreshes all materialized views of a database, those first that others are made of: for the setting after, in the load's transaction, so
-- that nobody sees new tables and old views.
--
-- CONCURRENTLY, which lets others read meanwhile, where PostgreSQL takes it: the view was filled before and has a unique index of columns
-- alone, over all rows. Readers of any other view wait until the load is committed; with the setting online, which makes nobody wait, they are
-- left out where the setting variables has online=true, and a warning names them: refresh them in a step after the load. The role has to own
-- the views (or, from PostgreSQL 17 on, to have MAINTAIN on them).
\if :{?online}
\else
\set online false
\endif
WITH RECURSIVE made_of (view, other) AS (
	SELECT w.ev_class, d.refobjid
	FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
	WHERE d.refobjid <> w.ev_class
), turn (view, n) AS (
	SELECT oid, 0 FROM pg_class WHERE relkind = 'm'
	UNION
	SELECT m.view, t.n + 1 FROM turn t JOIN made_of m ON m.other = t.view
), views AS (
	SELECT c.oid::regclass AS view, max(t.n) AS turn, c.relispopulated AND EXISTS (
		SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
	) AS readable
	FROM pg_class c JOIN turn t ON t.view = c.oid
	WHERE c.relkind = 'm'
	GROUP BY c.oid, c.relispopulated
)
SELECT format('REFRESH MATERIALIZED VIEW %s%s', CASE WHEN readable THEN 'CONCURRENTLY ' END, view)
FROM views
WHERE readable OR NOT :online
ORDER BY turn, view::text
\gexec
