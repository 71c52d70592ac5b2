insert into t values (1, ''), (2, E''), (3, N'');
