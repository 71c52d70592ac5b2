select	1,	nothing,	2;
