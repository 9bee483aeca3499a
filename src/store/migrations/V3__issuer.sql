-- The issuer: the archive of pseudonyms. Kept in the order of their subjects, which says nothing of when or with which
-- others one was issued; so there is no time in it either.

CREATE TABLE pseudonym_archive (
    subject BLOB PRIMARY KEY CHECK (length(subject) = 16),
    commitment BLOB NOT NULL UNIQUE CHECK (length(commitment) = 32),
    period INTEGER NOT NULL CHECK (period BETWEEN 0 AND 4294967295),
    credential BLOB NOT NULL CHECK (length(credential) = 89),
    point BLOB NOT NULL UNIQUE CHECK (length(point) = 33),
    salt BLOB NOT NULL CHECK (length(salt) = 32),
    contribution BLOB NOT NULL CHECK (length(contribution) = 32),
    -- 1 waits for clearing, 2 waits for the exchange, 3 released, 4 refused by clearing.
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
    -- For clearing, until it has taken it.
    tag BLOB CHECK (length(tag) = 44),
    -- Until the pseudonym has expired.
    answer BLOB CHECK (length(answer) = 137),
    CHECK ((state = 1) = (tag IS NOT NULL)),
    CHECK (state < 4 OR answer IS NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX pseudonym_archive_waiting ON pseudonym_archive (state) WHERE state < 3;
CREATE INDEX pseudonym_archive_answers ON pseudonym_archive (period) WHERE answer IS NOT NULL;

CREATE TRIGGER pseudonyms_stay_archived BEFORE DELETE ON pseudonym_archive
BEGIN SELECT RAISE(ABORT, 'a pseudonym stays in the archive'); END;

CREATE TRIGGER pseudonyms_only_advance BEFORE UPDATE ON pseudonym_archive
WHEN NEW.state < OLD.state OR (OLD.state = 3 AND NEW.state <> 3)
BEGIN SELECT RAISE(ABORT, 'what was released or refused stays so'); END;

-- Keyed hashes of the linkage values that were used in a period.

CREATE TABLE linkage_values_used (
    period INTEGER NOT NULL CHECK (period BETWEEN 0 AND 4294967295),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (period, hash)
) STRICT, WITHOUT ROWID;

-- Pseudonyms given out of the archive, for cases that were approved.

CREATE TABLE archive_openings (
    sequence INTEGER PRIMARY KEY,
    case_number TEXT NOT NULL,
    subject BLOB NOT NULL CHECK (length(subject) = 16),
    time INTEGER NOT NULL
) STRICT;

CREATE TRIGGER archive_openings_are_kept BEFORE DELETE ON archive_openings
BEGIN SELECT RAISE(ABORT, 'an opening stays on record'); END;

CREATE TRIGGER archive_openings_are_final BEFORE UPDATE ON archive_openings
BEGIN SELECT RAISE(ABORT, 'the record of an opening never changes'); END;
