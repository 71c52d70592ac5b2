-- a comment; here
insert into t values (1, 'a'); -- after; it
-- last
