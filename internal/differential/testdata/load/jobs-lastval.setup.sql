create sequence s; create table t(id bigint default lastval(), p text);
