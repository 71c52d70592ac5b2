\encoding SJIS
\if false
select '•\'; \echo •\
\endif
insert into t values (1, 'a');
