CREATE TABLE d(x int);
/* one
two */ INSERT INTO d
  (x, nix)
  VALUES (1, 2);
