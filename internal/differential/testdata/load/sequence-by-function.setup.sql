create sequence s; create function f() returns bigint language sql immutable as 'select nextval(''s'')'; create table t(id bigint default f() primary key, p text);
