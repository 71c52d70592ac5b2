GRANT CREATE ON SCHEMA public TO own1; SET ROLE own1;
create table p(id int primary key);
create table c(id int constraint k references p);
create table "D"(id int constraint "K" references p);
