\set n 'E''a\\\'\'\n\'b\\\'c\''
insert into t values (1, :n);
