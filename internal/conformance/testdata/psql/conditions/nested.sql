\if true
  \if false
    insert into t values (1, 'a');
  \else
    \if true
      insert into t values (2, 'b');
    \endif
  \endif
  insert into t values (3, 'c');
\else
  \if true
    insert into t values (4, 'd');
  \elif maybe
  \else
    insert into t values (5, 'd');
  \endif
\endif
