copy t
(a, b)
from stdin
;
1	a
\.
