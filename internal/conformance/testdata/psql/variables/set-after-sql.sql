insert into t values (1, 'a'); \set v 2
insert into t values (:v, 'b');
