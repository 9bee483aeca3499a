-- Everything the service must not forget. Times are seconds since 1970 UTC, money is minor units.

-- Cards and terminals. `sequence` is the order in which they are listed.

CREATE TABLE accounts (
    sequence INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
    owner TEXT,
    currency INTEGER NOT NULL CHECK (currency BETWEEN 0 AND 65535),
    balance INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL
) STRICT;

CREATE INDEX accounts_by_owner ON accounts (owner, sequence);

CREATE TABLE cards (
    sequence INTEGER PRIMARY KEY,
    number BLOB NOT NULL UNIQUE CHECK (length(number) = 16),
    issuer TEXT NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 6),
    sectors INTEGER NOT NULL CHECK (sectors BETWEEN 1 AND 7),
    tariff INTEGER NOT NULL CHECK (tariff BETWEEN 0 AND 255),
    spend_limit INTEGER NOT NULL CHECK (spend_limit BETWEEN 0 AND budget),
    budget INTEGER NOT NULL CHECK (budget BETWEEN 0 AND 4294967295),
    currency INTEGER NOT NULL CHECK (currency BETWEEN 0 AND 65535),
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL CHECK (not_after > not_before),
    -- The name of an account at clearing.
    account TEXT NOT NULL,
    holder_key BLOB CHECK (length(holder_key) = 33),
    credential BLOB CHECK (length(credential) = 89),
    replaces BLOB CHECK (length(replaces) = 16),
    replaced_by BLOB CHECK (length(replaced_by) = 16),
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;

CREATE INDEX cards_by_issuer ON cards (issuer, sequence);

CREATE TABLE terminals (
    sequence INTEGER PRIMARY KEY,
    subject BLOB NOT NULL UNIQUE CHECK (length(subject) = 16),
    operator TEXT NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
    sectors INTEGER NOT NULL CHECK (sectors BETWEEN 1 AND 7),
    currency INTEGER NOT NULL CHECK (currency BETWEEN 0 AND 65535),
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL CHECK (not_after > not_before),
    credential BLOB CHECK (length(credential) = 89),
    retired INTEGER,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;

CREATE INDEX terminals_by_operator ON terminals (operator, sequence);

-- Enrolment: activation codes, offers, and the archive of what was issued.

CREATE TABLE activation_codes (
    locator BLOB PRIMARY KEY CHECK (length(locator) = 5),
    subject BLOB NOT NULL UNIQUE CHECK (length(subject) = 16),
    class INTEGER NOT NULL CHECK (class IN (1, 2)),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    expires INTEGER NOT NULL,
    failed_attempts INTEGER NOT NULL DEFAULT 0,
    used INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE offers (
    nonce BLOB PRIMARY KEY CHECK (length(nonce) = 32),
    identity BLOB NOT NULL CHECK (length(identity) = 56),
    subject BLOB NOT NULL CHECK (length(subject) = 16),
    former BLOB CHECK (length(former) = 32),
    expires INTEGER NOT NULL,
    used INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX offers_by_subject ON offers (subject, expires);

CREATE TABLE issued (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    identity BLOB NOT NULL UNIQUE CHECK (length(identity) = 56),
    subject BLOB NOT NULL CHECK (length(subject) = 16),
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    credential BLOB NOT NULL CHECK (length(credential) = 89),
    enrolment_point BLOB NOT NULL CHECK (length(enrolment_point) = 33),
    contribution BLOB NOT NULL CHECK (length(contribution) = 32),
    offer_nonce BLOB NOT NULL CHECK (length(offer_nonce) = 32),
    possession BLOB NOT NULL CHECK (length(possession) = 65),
    request_kind INTEGER NOT NULL CHECK (request_kind BETWEEN 1 AND 3),
    request_signed BLOB NOT NULL,
    request_signature BLOB NOT NULL,
    request_key BLOB NOT NULL,
    issued INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX issued_by_subject ON issued (subject, not_after);
CREATE INDEX issued_by_end ON issued (not_after);

-- Trust over time.

CREATE TABLE institutions (
    ordinal INTEGER PRIMARY KEY CHECK (ordinal BETWEEN 1 AND 63),
    name TEXT NOT NULL UNIQUE,
    derived INTEGER NOT NULL
) STRICT;

CREATE TRIGGER institutions_are_counted_for_good BEFORE DELETE ON institutions
BEGIN SELECT RAISE(ABORT, 'an institution stays counted'); END;

CREATE TABLE revocations (
    subject BLOB PRIMARY KEY CHECK (length(subject) = 16),
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE revocation_revision (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    revision INTEGER NOT NULL
) STRICT;

INSERT INTO revocation_revision (only, revision) VALUES (1, 0);

CREATE TRIGGER revocations_added AFTER INSERT ON revocations
BEGIN UPDATE revocation_revision SET revision = revision + 1; END;

CREATE TRIGGER revocations_lifted AFTER DELETE ON revocations
BEGIN UPDATE revocation_revision SET revision = revision + 1; END;

CREATE TABLE bundles (
    sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
    revision INTEGER NOT NULL,
    issued INTEGER NOT NULL,
    valid_until INTEGER NOT NULL CHECK (valid_until > issued),
    bytes BLOB NOT NULL
) STRICT;

CREATE TRIGGER bundles_rise BEFORE INSERT ON bundles
WHEN NEW.sequence <= (SELECT coalesce(max(sequence), 0) FROM bundles)
BEGIN SELECT RAISE(ABORT, 'the bundle sequence must rise'); END;

-- Idempotency: one answer to one request of one caller.

CREATE TABLE requests (
    principal TEXT NOT NULL,
    method TEXT NOT NULL,
    request_id BLOB NOT NULL CHECK (length(request_id) = 16),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    answer BLOB NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (principal, method, request_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX requests_by_time ON requests (time);

-- Settlement. An upload keeps its records, 209 bytes each; a settlement points into them.

CREATE TABLE uploads (
    sequence INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    operator TEXT NOT NULL,
    terminal BLOB NOT NULL CHECK (length(terminal) = 16),
    terminal_digest BLOB NOT NULL CHECK (length(terminal_digest) = 32),
    number INTEGER NOT NULL,
    records BLOB NOT NULL CHECK (length(records) % 209 = 0),
    answer BLOB NOT NULL,
    received INTEGER NOT NULL
) STRICT;

CREATE INDEX uploads_by_operator ON uploads (operator, sequence);

CREATE TABLE settlements (
    id INTEGER PRIMARY KEY,
    credential_digest BLOB NOT NULL CHECK (length(credential_digest) = 32),
    counter INTEGER NOT NULL CHECK (counter BETWEEN 0 AND 4294967295),
    -- SHA-256(terms || terminal digest): what was agreed, under whichever counter.
    agreement BLOB NOT NULL CHECK (length(agreement) = 32),
    outcome INTEGER NOT NULL CHECK (outcome BETWEEN 1 AND 3),
    -- The settlement that an agreement answered twice repeats.
    repeats INTEGER REFERENCES settlements (id),
    misuse INTEGER REFERENCES misuse (id),
    upload INTEGER NOT NULL REFERENCES uploads (sequence),
    position INTEGER NOT NULL,
    terminal_digest BLOB NOT NULL CHECK (length(terminal_digest) = 32),
    kind INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    after_revocation INTEGER NOT NULL CHECK (after_revocation IN (0, 1)),
    time INTEGER NOT NULL,
    UNIQUE (credential_digest, counter)
) STRICT;

-- An agreement settles once, under however many counters it was answered.
CREATE UNIQUE INDEX settlements_settle_once ON settlements (credential_digest, agreement) WHERE outcome = 1;

CREATE TABLE spending (
    credential_digest BLOB PRIMARY KEY CHECK (length(credential_digest) = 32),
    spent INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE journeys (
    settlement INTEGER PRIMARY KEY REFERENCES settlements (id),
    credential_digest BLOB NOT NULL CHECK (length(credential_digest) = 32),
    operator TEXT NOT NULL,
    exits INTEGER NOT NULL CHECK (exits IN (0, 1)),
    time INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    reference BLOB NOT NULL CHECK (length(reference) = 16),
    -- Of an entry: the exit that closes it and the fare posted; null while it is open.
    closed_by INTEGER REFERENCES journeys (settlement),
    fare INTEGER CHECK (fare BETWEEN 0 AND amount),
    CHECK ((closed_by IS NULL) = (fare IS NULL))
) STRICT;

CREATE INDEX journeys_of_a_holder ON journeys (credential_digest, operator, time, counter);
CREATE INDEX journeys_open ON journeys (credential_digest, operator, time) WHERE exits = 0 AND closed_by IS NULL;
-- An exit closes one entry.
CREATE UNIQUE INDEX journeys_by_exit ON journeys (closed_by) WHERE closed_by IS NOT NULL;

CREATE TABLE misuse (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL CHECK (kind IN (1, 2)),
    credential BLOB NOT NULL CHECK (length(credential) = 89),
    credential_digest BLOB NOT NULL CHECK (length(credential_digest) = 32),
    -- What the offending record signed: SHA-256(agreement || counter).
    offence BLOB NOT NULL CHECK (length(offence) = 32),
    issuer TEXT,
    items BLOB NOT NULL CHECK (length(items) % 241 = 0),
    found INTEGER NOT NULL,
    UNIQUE (credential_digest, offence)
) STRICT;

CREATE TABLE misuse_operators (
    misuse INTEGER NOT NULL REFERENCES misuse (id),
    operator TEXT NOT NULL,
    PRIMARY KEY (operator, misuse)
) STRICT, WITHOUT ROWID;

-- The ledger. An entry is written open, gets its postings, and is sealed; only a balanced one can be. Nothing in it ever changes.

CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7),
    -- The record that is settled: its place at the exchange.
    upload INTEGER,
    position INTEGER,
    time INTEGER NOT NULL,
    sealed INTEGER NOT NULL DEFAULT 0 CHECK (sealed IN (0, 1)),
    CHECK ((upload IS NULL) = (position IS NULL))
) STRICT;

CREATE TABLE postings (
    sequence INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL REFERENCES entries (id),
    account INTEGER NOT NULL REFERENCES accounts (sequence),
    currency INTEGER NOT NULL,
    amount INTEGER NOT NULL CHECK (amount <> 0),
    UNIQUE (entry, account)
) STRICT;

CREATE INDEX postings_by_account ON postings (account, sequence);

CREATE TRIGGER entries_balance BEFORE UPDATE OF sealed ON entries
WHEN NEW.sealed = 1 AND EXISTS (
    SELECT 1 FROM postings WHERE entry = NEW.id GROUP BY currency HAVING sum(amount) <> 0
)
BEGIN SELECT RAISE(ABORT, 'the postings of an entry must sum to zero'); END;

CREATE TRIGGER entries_are_kept BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'an entry is never deleted'); END;

CREATE TRIGGER entries_are_final BEFORE UPDATE ON entries WHEN OLD.sealed = 1
BEGIN SELECT RAISE(ABORT, 'a sealed entry never changes'); END;

CREATE TRIGGER postings_into_open_entries BEFORE INSERT ON postings
WHEN (SELECT sealed FROM entries WHERE id = NEW.entry) = 1
BEGIN SELECT RAISE(ABORT, 'a sealed entry takes no posting'); END;

CREATE TRIGGER postings_in_the_currency_of_the_account BEFORE INSERT ON postings
WHEN NEW.currency <> (SELECT currency FROM accounts WHERE sequence = NEW.account)
BEGIN SELECT RAISE(ABORT, 'the account is in another currency'); END;

CREATE TRIGGER postings_move_balances AFTER INSERT ON postings
BEGIN UPDATE accounts SET balance = balance + NEW.amount WHERE sequence = NEW.account; END;

CREATE TRIGGER postings_are_kept BEFORE DELETE ON postings
BEGIN SELECT RAISE(ABORT, 'a posting is never deleted'); END;

CREATE TRIGGER postings_are_final BEFORE UPDATE ON postings
BEGIN SELECT RAISE(ABORT, 'a posting never changes'); END;
