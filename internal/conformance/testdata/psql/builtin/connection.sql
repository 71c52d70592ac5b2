\echo :USER :HOST :ENCODING :{?DBNAME} :{?PORT}
insert into t values (1, :'USER' || :'ENCODING');
