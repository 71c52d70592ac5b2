begin;
create temporary table tmp (a int) on commit drop;
insert into tmp values (1);
insert into t select a, 'x' from tmp;
commit;
create temporary table tmp (a int);
insert into tmp values (2);
insert into t select a, 'x' from tmp;
