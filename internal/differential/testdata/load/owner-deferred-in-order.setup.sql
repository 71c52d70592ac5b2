GRANT CREATE ON SCHEMA public TO own1;
create table p(id int primary key); GRANT ALL ON p TO own1;
CREATE SCHEMA "order" AUTHORIZATION own1;
SET ROLE own1;
create table "order".c(id int constraint k references p deferrable);
RESET ROLE;
REVOKE REFERENCES ON p FROM own1;
