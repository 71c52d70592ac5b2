GRANT CREATE ON SCHEMA public TO own1; SET ROLE own1;
create table p(id int, k int, primary key(id,k)) partition by list(k);
create table p1 partition of p for values in (1);
create table ch(id int, pid int, k int, constraint chk foreign key(pid,k) references p) partition by list(k);
create table ch1 partition of ch for values in (1);
create table z(id int primary key);
