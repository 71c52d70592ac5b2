insert into t values (1, 'żółć 漢字 😀');
