insert into t values (2, 'b');
\copy t to stdout
\copy (select a from t) to stdout
\copy (select ')' || '"', ("a") from t) to pstdout with csv
insert into t values (3, 'b');
