\set q ''''
insert into t values (1, :q abc');
