do $outer$ begin execute $inner$ insert into t values (1, $$x$$); $inner$; end $outer$;
