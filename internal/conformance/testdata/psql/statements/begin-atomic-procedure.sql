create procedure p(a int) begin atomic insert into t values (a, 'x'); insert into t values (a, 'y'); end;
call p(1);
create or replace procedure p(a int) begin atomic insert into t values (a, 'z'); end;
call p(2);
