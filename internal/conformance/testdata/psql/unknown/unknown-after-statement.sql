insert into t values (1, 'a'); \nothing
insert into t values (2, 'a');
