SELECT count(DISTINCT (c).r), bool_or((c).r = 'foo'::regclass) FROM t UNION ALL SELECT count(DISTINCT (c).r), bool_or((c).r = 'foo'::regclass) FROM u
