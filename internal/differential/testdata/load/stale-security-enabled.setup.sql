create table t(id int, p text); alter table t owner to own1; create policy p on t for insert with check (id < 15);
