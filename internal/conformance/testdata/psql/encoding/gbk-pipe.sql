\encoding GBK
insert into t values (1, '—|');
select 1 as —|;
