\if false
insert into t values (1, 'it''s; \endif
');
\endif
insert into t values (2, 'b');
