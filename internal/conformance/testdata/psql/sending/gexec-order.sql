select format('insert into t values (%s, %L)', i, i) from generate_series(1, 5) i order by i \gexec
