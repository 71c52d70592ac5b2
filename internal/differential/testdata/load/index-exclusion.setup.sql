create table t(id int primary key, r int4range, p text, exclude using gist (r with &&));
