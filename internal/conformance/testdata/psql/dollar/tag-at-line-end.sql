insert into t values (1, $tag$
$tag$);
