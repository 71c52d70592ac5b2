\set v 1
select :{v};
select :{?v ;
select :{;
insert into t values (1, 'y');
