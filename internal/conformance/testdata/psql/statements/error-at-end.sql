select 1 +
;
