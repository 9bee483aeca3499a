-- Vouchers for meters, and trust bundles in parts.

-- The attester: who bought what for which meter, as the card signed it, and what was issued. Kept for good: it says what
-- was paid for, and which sequences of a meter were used.
CREATE TABLE vouchers (
    position INTEGER PRIMARY KEY,
    -- What clearing knows the sale by.
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    card BLOB NOT NULL CHECK (length(card) = 16),
    request_id BLOB NOT NULL CHECK (length(request_id) = 16),
    credential BLOB NOT NULL CHECK (length(credential) = 89),
    signed INTEGER NOT NULL,
    body BLOB NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 65),
    account BLOB NOT NULL CHECK (length(account) = 16),
    line INTEGER NOT NULL CHECK (line BETWEEN 0 AND 4294967295),
    operator TEXT NOT NULL,
    currency INTEGER NOT NULL CHECK (currency BETWEEN 0 AND 65535),
    amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 4294967295),
    meter BLOB NOT NULL CHECK (length(meter) = 16),
    sector INTEGER NOT NULL CHECK (sector IN (1, 2)),
    quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 4294967295),
    asked INTEGER NOT NULL,
    -- 1 asked, 2 issued, 3 delivered, 4 refused, 5 lapsed, 6 refunded, 7 owed.
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 7),
    -- What was issued, once it is: never before it is paid.
    sequence INTEGER CHECK (sequence BETWEEN 1 AND 4294967295),
    not_after INTEGER,
    reference BLOB UNIQUE CHECK (length(reference) = 16),
    bytes BLOB CHECK (length(bytes) = 109),
    UNIQUE (card, request_id),
    UNIQUE (meter, sequence),
    CHECK ((sequence IS NULL) = (not_after IS NULL)),
    CHECK ((sequence IS NULL) = (reference IS NULL)),
    CHECK ((sequence IS NULL) = (bytes IS NULL)),
    -- What was never paid was never issued, and what may be with a meter was.
    CHECK (state NOT IN (1, 4) OR sequence IS NULL),
    CHECK (state NOT IN (2, 3, 7) OR sequence IS NOT NULL)
) STRICT;

CREATE INDEX vouchers_by_card ON vouchers (card, position);
CREATE INDEX vouchers_by_meter ON vouchers (meter, state, sequence);
CREATE INDEX vouchers_in_hand ON vouchers (state, position) WHERE state IN (1, 5, 7);
CREATE INDEX vouchers_by_end ON vouchers (not_after) WHERE state = 2;

CREATE TRIGGER vouchers_are_issued_once BEFORE UPDATE ON vouchers WHEN OLD.sequence IS NOT NULL
    AND (NEW.sequence IS NOT OLD.sequence OR NEW.bytes IS NOT OLD.bytes OR NEW.meter IS NOT OLD.meter)
BEGIN SELECT RAISE(ABORT, 'an issued voucher never changes'); END;

CREATE TRIGGER vouchers_are_kept BEFORE DELETE ON vouchers
BEGIN SELECT RAISE(ABORT, 'a voucher is never deleted'); END;

-- The newest sequence of each meter.
CREATE TABLE meter_sequences (
    meter BLOB PRIMARY KEY CHECK (length(meter) = 16),
    sequence INTEGER NOT NULL CHECK (sequence BETWEEN 1 AND 4294967295)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER meter_sequences_rise BEFORE UPDATE ON meter_sequences WHEN NEW.sequence <= OLD.sequence
BEGIN SELECT RAISE(ABORT, 'a meter''s sequence must rise'); END;

CREATE TRIGGER meter_sequences_are_kept BEFORE DELETE ON meter_sequences
BEGIN SELECT RAISE(ABORT, 'a meter''s sequence is never forgotten'); END;

-- Clearing: what was posted for vouchers; each movement of a sale once. It learns neither card nor meter.
CREATE TABLE voucher_postings (
    sale BLOB NOT NULL CHECK (length(sale) = 16),
    -- 1 sold, 2 given back, 3 taken again.
    movement INTEGER NOT NULL CHECK (movement BETWEEN 1 AND 3),
    account BLOB NOT NULL CHECK (length(account) = 16),
    operator TEXT NOT NULL,
    currency INTEGER NOT NULL CHECK (currency BETWEEN 0 AND 65535),
    amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 4294967295),
    entry INTEGER NOT NULL REFERENCES entries (id),
    PRIMARY KEY (sale, movement)
) STRICT, WITHOUT ROWID;

CREATE INDEX voucher_postings_by_account ON voucher_postings (account, entry);

CREATE TRIGGER voucher_postings_are_final BEFORE UPDATE ON voucher_postings
BEGIN SELECT RAISE(ABORT, 'what was posted for a voucher never changes'); END;

CREATE TRIGGER voucher_postings_are_kept BEFORE DELETE ON voucher_postings
BEGIN SELECT RAISE(ABORT, 'what was posted for a voucher is never deleted'); END;

-- The exchange: credit that meters took, to be told to the attester.
CREATE TABLE deliveries (
    settlement INTEGER PRIMARY KEY REFERENCES settlements (id),
    reference BLOB NOT NULL CHECK (length(reference) = 16),
    meter BLOB NOT NULL CHECK (length(meter) = 16),
    passed_on INTEGER
) STRICT;

CREATE INDEX deliveries_waiting ON deliveries (settlement) WHERE passed_on IS NULL;

-- The compact form of trust bundles. The parts of one are written together, and never again.
CREATE TABLE bundle_parts (
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    part INTEGER NOT NULL CHECK (part BETWEEN 0 AND 65534),
    valid_until INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (sequence, part)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER bundle_parts_are_final BEFORE UPDATE ON bundle_parts
BEGIN SELECT RAISE(ABORT, 'a part of a bundle never changes'); END;
