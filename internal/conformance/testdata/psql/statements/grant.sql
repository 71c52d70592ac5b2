grant select on t to public;
