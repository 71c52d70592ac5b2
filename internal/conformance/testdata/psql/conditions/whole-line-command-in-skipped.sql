\if false
\! \endif
\copy \endif
\h \endif
\sf \endif
\ef \endif
\endif
insert into t values (1, 'a');
