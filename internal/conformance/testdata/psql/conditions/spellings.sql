\if TRUE \echo TRUE
\endif
\if y \echo y
\endif
\if On \echo On
\endif
\if 1 \echo 1
\endif
\if tr \echo tr
\endif
\if f \echo f
\else \echo not f
\endif
\if of \echo of
\else \echo not of
\endif
\if 0 \echo 0
\else \echo not 0
\endif
