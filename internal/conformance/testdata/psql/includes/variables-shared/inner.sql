\set b :a
\set a 2
