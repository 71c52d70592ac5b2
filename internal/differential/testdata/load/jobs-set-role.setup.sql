create table t(id int, who text default current_user); create table u(id int, who text default current_user); grant all on t, u to own1;
