\echo żółć 漢字
