insert into t values (1, 'a');

select 1,
  2,
  nothing
from t;
insert into t values (2, 'b');
