SET transaction_timeout = 0;
insert into t values (1);
