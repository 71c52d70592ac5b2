create schema own1 authorization own1; create table own1.t(id int, p text); alter table own1.t owner to own1;
