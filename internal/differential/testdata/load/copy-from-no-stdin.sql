COPY t (id,a) FROM stdni;
<<rows 1 6000 "\n" "@\txxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx">>
\.
