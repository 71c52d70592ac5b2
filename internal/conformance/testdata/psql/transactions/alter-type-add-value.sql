create type e as enum ('a');
alter type e add value 'b';
insert into t select 1, 'b'::e;
