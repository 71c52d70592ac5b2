\copy t
\copy t frm stdin
\copy (select 1
\copy t (a from stdin
\copy t from
\copy t (a, b,) from stdin
\copy . from stdin
\copy t with oids from stdin
insert into t values (2, 'b');
