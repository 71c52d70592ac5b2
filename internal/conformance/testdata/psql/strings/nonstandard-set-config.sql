select set_config('standard_conforming_strings', 'off', false);
insert into t values (1, 'a\'b');
