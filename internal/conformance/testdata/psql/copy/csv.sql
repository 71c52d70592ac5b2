copy t from stdin (format csv);
1,"a ""quoted"" one"
2,
3,""
\.
