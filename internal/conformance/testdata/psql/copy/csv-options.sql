copy t from stdin with (format csv, delimiter ';', quote '''', escape '\', null 'NIL', force_not_null (b));
1;'a\'b'
2;NIL
\.
