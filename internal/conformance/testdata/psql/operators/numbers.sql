insert into t values (1e0, .5::text || 1.::text || 1e+1::text || 1e-1::text);
