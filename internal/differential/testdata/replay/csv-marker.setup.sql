CREATE TABLE c (a text, b text);
