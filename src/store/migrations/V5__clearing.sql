-- Clearing: what is set aside for pseudonyms, who pays for which of them, and what officers of clearing have done.
-- Accounts appear by their handles alone.

-- Looked at every minute, and empty in a sound service.
CREATE INDEX accounts_in_suspense ON accounts (sequence) WHERE kind = 5;

CREATE TABLE reservations (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    account BLOB NOT NULL CHECK (length(account) = 16),
    period INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count BETWEEN 1 AND 65535),
    budget INTEGER NOT NULL CHECK (budget BETWEEN 0 AND 4294967295),
    line INTEGER NOT NULL CHECK (line BETWEEN 0 AND 4294967295),
    currency INTEGER NOT NULL CHECK (currency BETWEEN 0 AND 65535),
    until INTEGER NOT NULL,
    -- How many pseudonyms were said never to be issued, and for how many of them money was given back.
    release_asked INTEGER,
    released INTEGER NOT NULL DEFAULT 0 CHECK (released BETWEEN 0 AND count),
    CHECK (release_asked IS NOT NULL OR released = 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX reservations_of_an_account ON reservations (account, period);
CREATE INDEX reservations_by_end ON reservations (until);

CREATE TABLE bindings (
    subject BLOB PRIMARY KEY CHECK (length(subject) = 16),
    account BLOB NOT NULL CHECK (length(account) = 16),
    period INTEGER NOT NULL,
    -- Of the tag that named the account; each is used once.
    nonce BLOB NOT NULL UNIQUE CHECK (length(nonce) = 12),
    -- What was charged to it so far, less what it got back.
    charged INTEGER NOT NULL DEFAULT 0,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX bindings_of_an_account ON bindings (account, period);
CREATE INDEX bindings_by_end ON bindings (until);

-- Idempotency: the exchange may repeat a batch.
CREATE TABLE posted_batches (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX posted_batches_by_time ON posted_batches (time);

-- Cases: who of clearing approved which, and what was opened. Nothing here ever changes.
CREATE TABLE clearing_trace (
    sequence INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL CHECK (kind IN (1, 2)),
    case_number TEXT NOT NULL,
    subject BLOB NOT NULL CHECK (length(subject) = 16),
    account BLOB NOT NULL CHECK (length(account) = 16),
    officer TEXT NOT NULL,
    time INTEGER NOT NULL
) STRICT;

CREATE INDEX clearing_trace_by_case ON clearing_trace (case_number, subject, sequence);
CREATE INDEX clearing_trace_by_account ON clearing_trace (account, sequence);

CREATE TRIGGER clearing_trace_is_final BEFORE UPDATE ON clearing_trace
BEGIN SELECT RAISE(ABORT, 'what was done in a case never changes'); END;

CREATE TRIGGER clearing_trace_is_kept BEFORE DELETE ON clearing_trace
BEGIN SELECT RAISE(ABORT, 'what was done in a case is never deleted'); END;
