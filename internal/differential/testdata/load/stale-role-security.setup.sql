create table t(id int, p text); grant all on t to own1; alter table t enable row level security; create policy p on t for insert with check (id < 15);
