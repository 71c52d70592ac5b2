create table t(id int, p text, ts timestamptz default statement_timestamp(), n bigint default txid_current());
