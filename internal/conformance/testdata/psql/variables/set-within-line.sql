insert \set v 2
into t values (:v, 'b');
