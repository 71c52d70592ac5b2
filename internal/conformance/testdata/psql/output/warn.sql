\warn hello
\warn -n hello
