-- The exchange beside uploads and settlements: which pseudonyms there are, what clearing is still to post, and which
-- cards are still to be suspended.

-- Pseudonyms that the issuer has issued. Forgotten when their records are no longer awaited.
CREATE TABLE pseudonyms (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    period INTEGER NOT NULL CHECK (period BETWEEN 0 AND 4294967295)
) STRICT, WITHOUT ROWID;

CREATE INDEX pseudonyms_by_period ON pseudonyms (period);

-- What is posted at once. It is written down before it is sent, so that it is the same batch however often it is sent.
CREATE TABLE charge_batches (
    sequence INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    formed INTEGER NOT NULL,
    delivered INTEGER
) STRICT;

CREATE INDEX charge_batches_undelivered ON charge_batches (sequence) WHERE delivered IS NULL;

-- Money that settlements move. Kept when delivered, for the auditor.
CREATE TABLE charges (
    sequence INTEGER PRIMARY KEY,
    settlement INTEGER NOT NULL REFERENCES settlements (id),
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 6),
    currency INTEGER NOT NULL CHECK (currency BETWEEN 0 AND 65535),
    -- Who pays: the tag of a card's account, for clearing alone, or the subject of a pseudonym.
    tag BLOB CHECK (length(tag) = 44),
    subject BLOB CHECK (length(subject) = 16),
    moves TEXT NOT NULL,
    settled INTEGER NOT NULL,
    -- Null while it waits to be summed with others.
    batch INTEGER REFERENCES charge_batches (sequence),
    CHECK ((tag IS NULL) <> (subject IS NULL))
) STRICT;

CREATE INDEX charges_waiting ON charges (settled) WHERE batch IS NULL;
CREATE INDEX charges_of_a_batch ON charges (batch, sequence) WHERE batch IS NOT NULL;

-- A charge goes into one batch and stays in it.
CREATE TRIGGER charges_stay_in_their_batch BEFORE UPDATE ON charges WHEN OLD.batch IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a charge stays in its batch'); END;

CREATE TRIGGER charges_are_kept BEFORE DELETE ON charges
BEGIN SELECT RAISE(ABORT, 'a charge is never deleted'); END;

-- Cards that the attester is to suspend, for a proof of misuse.
CREATE TABLE suspensions (
    misuse INTEGER PRIMARY KEY REFERENCES misuse (id),
    credential_digest BLOB NOT NULL CHECK (length(credential_digest) = 32),
    passed_on INTEGER
) STRICT;

CREATE INDEX suspensions_waiting ON suspensions (misuse) WHERE passed_on IS NULL;
