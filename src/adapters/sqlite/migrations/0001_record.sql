-- The record, version 1: append-only, one line a row.
--
-- The triggers are a fence against our own mistakes; against another hand there is the chain.
-- A REPLACE deletes without firing a DELETE trigger, so each INSERT trigger looks for what it would replace.

PRAGMA application_id = 0x50526563; -- "PRec"
PRAGMA user_version = 1;

CREATE TABLE identity (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    record_id  BLOB NOT NULL,
    serial     TEXT NOT NULL,
    device_key BLOB NOT NULL
) STRICT;

CREATE TABLE record (
    seq            INTEGER PRIMARY KEY,
    kind           TEXT    NOT NULL,
    request        INTEGER,          -- an unsigned 64-bit number, bit for bit
    wall_ms        INTEGER,          -- UTC; none while the wall clock was in doubt
    utc_offset_min INTEGER NOT NULL,
    kept_digest    BLOB,             -- in the last line of a batch
    body           BLOB    NOT NULL,
    hash           BLOB    NOT NULL,
    -- The local day since 1970-01-01, rounded down before 1970, too. Computed, so it can't differ from what the chain covers;
    -- in minutes, so that no clock, however wrong, overflows it and stops the record.
    day INTEGER GENERATED ALWAYS AS (
        (wall_ms / 60000 - (wall_ms % 60000 < 0) + utc_offset_min) / 1440
        - ((wall_ms / 60000 - (wall_ms % 60000 < 0) + utc_offset_min) % 1440 < 0)
    ) VIRTUAL
) STRICT;

-- Counts per day walk this and never the lines.
CREATE INDEX record_by_day ON record (day, kind) WHERE day IS NOT NULL;

CREATE TABLE checkpoint (
    seq            INTEGER PRIMARY KEY,
    hash           BLOB NOT NULL,
    wall_ms        INTEGER,
    utc_offset_min INTEGER NOT NULL,
    signature      BLOB NOT NULL
) STRICT;

-- Where the record stands, and what a restart restores from.
CREATE TABLE head (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL,
    hash  BLOB    NOT NULL,
    kept  BLOB
) STRICT;

-- The one way in: a line, and the head behind it. One statement is one transaction, however many lines it brings;
-- the kept state comes with the last of them.
CREATE VIEW append AS
SELECT seq, kind, request, wall_ms, utc_offset_min, kept_digest, body, hash, NULL AS kept FROM record;

CREATE TRIGGER append_line INSTEAD OF INSERT ON append
BEGIN
    INSERT INTO record (seq, kind, request, wall_ms, utc_offset_min, kept_digest, body, hash)
    VALUES (NEW.seq, NEW.kind, NEW.request, NEW.wall_ms, NEW.utc_offset_min, NEW.kept_digest, NEW.body, NEW.hash);
    UPDATE head SET count = NEW.seq, hash = NEW.hash, kept = coalesce(NEW.kept, kept) WHERE one = 1;
END;

CREATE TRIGGER identity_once BEFORE INSERT ON identity WHEN EXISTS (SELECT 1 FROM identity)
BEGIN SELECT RAISE(ABORT, 'the identity is written once'); END;
CREATE TRIGGER identity_stays BEFORE UPDATE ON identity
BEGIN SELECT RAISE(ABORT, 'the identity is written once'); END;
CREATE TRIGGER identity_kept BEFORE DELETE ON identity
BEGIN SELECT RAISE(ABORT, 'the identity is written once'); END;

CREATE TRIGGER record_dense BEFORE INSERT ON record
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM record)
BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END;
CREATE TRIGGER record_stays BEFORE UPDATE ON record
BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END;
CREATE TRIGGER record_kept BEFORE DELETE ON record
BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END;

CREATE TRIGGER checkpoint_newest BEFORE INSERT ON checkpoint
WHEN NEW.seq <= (SELECT coalesce(max(seq), 0) FROM checkpoint)
BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;
CREATE TRIGGER checkpoint_stays BEFORE UPDATE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;
CREATE TRIGGER checkpoint_kept BEFORE DELETE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;

CREATE TRIGGER head_once BEFORE INSERT ON head WHEN EXISTS (SELECT 1 FROM head)
BEGIN SELECT RAISE(ABORT, 'there is one head'); END;
CREATE TRIGGER head_forward BEFORE UPDATE ON head WHEN NEW.count <= OLD.count
BEGIN SELECT RAISE(ABORT, 'the head moves forward'); END;
CREATE TRIGGER head_kept BEFORE DELETE ON head
BEGIN SELECT RAISE(ABORT, 'there is one head'); END;
