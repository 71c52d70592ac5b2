GRANT CREATE ON SCHEMA public TO own1; SET ROLE own1;
create table p(id int primary key);
create table c(id int constraint k references p deferrable initially immediate);
create table e(id int constraint d references p deferrable initially deferred);
create table u(id int primary key, x int unique deferrable initially deferred);
