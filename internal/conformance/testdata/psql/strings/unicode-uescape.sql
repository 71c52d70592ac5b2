insert into t values (1, U&'d!0061t!+000061' UESCAPE '!');
