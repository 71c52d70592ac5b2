insert into t values (1, $tag$a;$$b$$;$TAG$;$tag$);
