-- Pseudonyms as the attester sees them: who asked for how many, and what was signed. What a pseudonym is stays sealed.

-- What the linkage authorities know a card by.
CREATE TABLE linkage_handles (
    card BLOB PRIMARY KEY CHECK (length(card) = 16),
    handle BLOB NOT NULL UNIQUE CHECK (length(handle) = 16),
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pseudonym_challenges (
    challenge BLOB PRIMARY KEY CHECK (length(challenge) = 32),
    card BLOB NOT NULL CHECK (length(card) = 16),
    -- The wallet's request for it, which gets no other.
    asked_by BLOB NOT NULL CHECK (length(asked_by) = 16),
    expires INTEGER NOT NULL,
    -- The one request that may come under it, once there is one.
    used_by BLOB CHECK (length(used_by) = 16),
    UNIQUE (card, asked_by)
) STRICT, WITHOUT ROWID;

CREATE INDEX pseudonym_challenges_by_end ON pseudonym_challenges (expires);

-- `used` counts what was asked for, `next` is the number of the next linkage value: it follows when money is set aside.
CREATE TABLE pseudonym_quotas (
    card BLOB NOT NULL CHECK (length(card) = 16),
    period INTEGER NOT NULL,
    used INTEGER NOT NULL CHECK (used BETWEEN next AND 65535),
    next INTEGER NOT NULL CHECK (next >= 0),
    PRIMARY KEY (card, period)
) STRICT, WITHOUT ROWID;

-- Requests as the card signed them: with the archive of the issuer each item convicts the card's holder.
CREATE TABLE pseudonym_requests (
    sequence INTEGER PRIMARY KEY,
    card BLOB NOT NULL CHECK (length(card) = 16),
    request_id BLOB NOT NULL CHECK (length(request_id) = 16),
    credential BLOB NOT NULL CHECK (length(credential) = 89),
    signed INTEGER NOT NULL,
    body BLOB NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 65),
    period INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count BETWEEN 1 AND 65535),
    profile INTEGER NOT NULL CHECK (profile BETWEEN 0 AND 255),
    reservation BLOB NOT NULL UNIQUE CHECK (length(reservation) = 16),
    budget INTEGER NOT NULL,
    line INTEGER NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
    -- The number of the first linkage value, from when money is set aside.
    first INTEGER CHECK ((first IS NULL) = (state = 1)),
    received INTEGER NOT NULL,
    UNIQUE (card, request_id)
) STRICT;

CREATE INDEX pseudonym_requests_unfinished ON pseudonym_requests (sequence) WHERE state < 3;
CREATE INDEX pseudonym_requests_by_period ON pseudonym_requests (period);

CREATE TABLE pseudonym_items (
    commitment BLOB PRIMARY KEY CHECK (length(commitment) = 32),
    request INTEGER NOT NULL REFERENCES pseudonym_requests (sequence),
    position INTEGER NOT NULL CHECK (position BETWEEN 0 AND 65534),
    answer BLOB CHECK (length(answer) = 137),
    refusal TEXT,
    CHECK (answer IS NULL OR refusal IS NULL),
    UNIQUE (request, position)
) STRICT, WITHOUT ROWID;

-- What waits to be passed on to the issuer, as it will be: nothing in it is shared by the items of one request.
CREATE TABLE waiting_items (
    commitment BLOB PRIMARY KEY REFERENCES pseudonym_items (commitment) CHECK (length(commitment) = 32),
    challenge BLOB NOT NULL CHECK (length(challenge) = 32),
    period INTEGER NOT NULL,
    profile INTEGER NOT NULL,
    sealed BLOB NOT NULL CHECK (length(sealed) = 202),
    value_a BLOB NOT NULL CHECK (length(value_a) = 44),
    value_b BLOB NOT NULL CHECK (length(value_b) = 44),
    tag BLOB NOT NULL CHECK (length(tag) = 44),
    since INTEGER NOT NULL,
    -- Whether the issuer has seen it already, and gave no answer yet.
    passed INTEGER NOT NULL DEFAULT 0 CHECK (passed IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX waiting_items_by_age ON waiting_items (passed, since);

-- Money set aside for pseudonyms that will never be issued, until clearing has taken it back.
CREATE TABLE reservation_releases (
    reservation BLOB PRIMARY KEY CHECK (length(reservation) = 16),
    count INTEGER NOT NULL CHECK (count BETWEEN 1 AND 65535)
) STRICT, WITHOUT ROWID;

-- Cards that were taken out for good, whose seeds both linkage authorities have still to give.
CREATE TABLE seeds_to_reveal (
    handle BLOB PRIMARY KEY CHECK (length(handle) = 16),
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is published: nothing says whose. The key keeps no order of arrival.
CREATE TABLE published_seeds (
    period INTEGER NOT NULL,
    seed_a BLOB NOT NULL CHECK (length(seed_a) = 32),
    seed_b BLOB NOT NULL CHECK (length(seed_b) = 32),
    published INTEGER NOT NULL,
    PRIMARY KEY (period, seed_a, seed_b)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER published_seeds_added AFTER INSERT ON published_seeds
BEGIN UPDATE revocation_revision SET revision = revision + 1; END;

-- Tracing. An approval names its pseudonym by a hash of it and the case: the attester keeps no pseudonym.
CREATE TABLE trace_approvals (
    sequence INTEGER PRIMARY KEY,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    case_number TEXT NOT NULL,
    officer TEXT NOT NULL,
    approved INTEGER NOT NULL,
    UNIQUE (digest, officer)
) STRICT;

CREATE TABLE trace_audits (
    sequence INTEGER PRIMARY KEY,
    card BLOB NOT NULL CHECK (length(card) = 16),
    case_number TEXT NOT NULL,
    period INTEGER NOT NULL,
    attester_officer TEXT NOT NULL,
    attester_approved INTEGER NOT NULL,
    clearing_officer TEXT NOT NULL,
    clearing_approved INTEGER NOT NULL,
    opened_by TEXT NOT NULL,
    opened INTEGER NOT NULL
) STRICT;

CREATE INDEX trace_audits_of_a_card ON trace_audits (card, sequence);

CREATE TRIGGER trace_audits_are_kept BEFORE DELETE ON trace_audits
BEGIN SELECT RAISE(ABORT, 'the record of a trace is never deleted'); END;

CREATE TRIGGER trace_audits_are_final BEFORE UPDATE ON trace_audits
BEGIN SELECT RAISE(ABORT, 'the record of a trace never changes'); END;
