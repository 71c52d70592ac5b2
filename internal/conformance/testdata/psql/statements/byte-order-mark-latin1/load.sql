\encoding LATIN1
\i second.sql
insert into t values (2, 'b');
