select '\echo x' \gexec
insert into t values (3, 'c');
