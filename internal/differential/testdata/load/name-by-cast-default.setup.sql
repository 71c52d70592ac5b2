create table foo(a int);
create table t(id int, r regclass default ('fo' || 'o')::regclass);
