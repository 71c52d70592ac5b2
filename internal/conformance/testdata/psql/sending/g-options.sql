select 1 \g (format=unaligned tuples_only=on)
insert into t values (1, 'a') \g (border=2)
