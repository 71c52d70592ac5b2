\set ON_ERROR_STOP off
\if true
insert into t values (2, 'b');
