select lo_create(4242000) as o \gset
select lo_put(:o, 0, '\x0102');
insert into t select 1, lo_get(:o)::text;
select lo_unlink(:o);
