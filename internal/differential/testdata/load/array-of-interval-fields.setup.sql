create table t(id int, a interval minute[], b interval(0)[], c bit(3)[], d numeric(4,1)[], e varchar(3)[], f timestamp(0)[]);
