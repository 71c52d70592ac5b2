\?
\h
\h select
\help
\copyright
\? commands
insert into t values (1, 'a');
