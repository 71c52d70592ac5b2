SELECT format('ALTER ROLE %I IN DATABASE %I SET datestyle=''ISO, DMY''', current_user, current_database()) \gexec
COPY t (id,d) FROM stdin;
1	01/02/2024
\.
