insert into t values (1, 'aÿb');
insert into t values (2, 'b');
