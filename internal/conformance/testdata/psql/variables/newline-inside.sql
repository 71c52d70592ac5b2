\set n 'insert into t\n\n\nvalues (1, ''a\n\nb'');'
:n
