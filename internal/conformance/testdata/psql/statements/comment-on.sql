comment on table t is 'it''s; a comment';
