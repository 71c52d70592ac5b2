grant create on schema public to own1;
create table par(id int primary key); create table chi(id int primary key, "p ( id" int constraint fk references par on delete cascade);
create table par_new(id int primary key); create table chi_new(id int primary key, "p ( id" int); create table gone(id int constraint fk references par);
alter table par owner to own1; alter table chi owner to own1; alter table par_new owner to own1; alter table chi_new owner to own1; alter table gone owner to own1;
