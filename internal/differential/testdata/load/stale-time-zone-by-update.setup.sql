create table t(id int, at timestamptz); create table l(x text); insert into l values ('');
