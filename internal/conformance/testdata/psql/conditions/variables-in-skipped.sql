\set v ''''
\if false
select :v; \echo :v
\endif
insert into t values (2, 'b');
