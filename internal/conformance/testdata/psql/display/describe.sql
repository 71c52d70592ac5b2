\d
\d t
\dt
\d+ t
\dt+ *.t
\dn \df \du
\dconfig
\dxyz
insert into t values (1, 'a');
