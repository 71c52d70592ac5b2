listen x;
notify x, 'payload';
unlisten *;
insert into t values (1, 'a');
