prepare p as select $1$$a;b$$;
insert into t values (1, 'x');
