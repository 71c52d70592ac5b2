\l
\list
\l+
\z
\dp
\lo_list
insert into t values (1, 'a');
