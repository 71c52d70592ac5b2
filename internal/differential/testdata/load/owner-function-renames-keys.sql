SET session_replication_role=replica;
INSERT INTO chi VALUES (1,1);
INSERT INTO gone VALUES (1);
INSERT INTO par VALUES (1);
DO $$ BEGIN ALTER TABLE chi RENAME TO chi_old; ALTER TABLE chi_new RENAME TO chi; ALTER TABLE par RENAME TO "Par old"; ALTER TABLE par_new RENAME TO par; DROP TABLE gone; END $$;
INSERT INTO chi VALUES (2,2);
INSERT INTO chi_old VALUES (2,2);
INSERT INTO "Par old" VALUES (2);
