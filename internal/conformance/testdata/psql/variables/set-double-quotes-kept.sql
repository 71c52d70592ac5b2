\set a "x ""y"" z"
insert into t values (1, :'a');
