create type w; create table t(id int);
create function w_in(cstring) returns w language internal immutable as 'textin'; create function w_out(w) returns cstring language internal immutable as 'textout';
create type w (input=w_in, output=w_out, like=text); create function f(text) returns w language plpgsql as 'begin return (select count(*)::text from t)::w; end';
alter table t add n w;
