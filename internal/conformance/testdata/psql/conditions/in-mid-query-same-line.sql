insert into t values (1, \if 0 'a' \else 'b' \endif );
