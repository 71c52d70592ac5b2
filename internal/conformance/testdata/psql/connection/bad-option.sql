\connect -reuse-previous=maybe postgres
insert into t values (1, 'a');
