insert into t values (1, $żó$x;$żó$);
