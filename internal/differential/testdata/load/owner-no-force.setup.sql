create table t(id int); alter table t owner to own1; alter table t enable row level security; alter table t force row level security; create policy p on t for insert with check (true);
