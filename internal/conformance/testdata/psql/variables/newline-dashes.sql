\set n '-- x\n'
:n insert into t values (1, 'a');
