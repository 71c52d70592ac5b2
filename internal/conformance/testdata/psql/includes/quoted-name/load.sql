\i 'in ner.sql'
\ir 'in ner.sql'
insert into t values (2, 'b');
--- in ner.sql
insert into t values (1, 'a');
