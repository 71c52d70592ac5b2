create table t(id int, who text default current_user); grant all on t to own1;
