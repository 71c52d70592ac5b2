create sequence s; create table t1(id bigint default nextval('s'), p text); create table t2(id bigint, p text);
