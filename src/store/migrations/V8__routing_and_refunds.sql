-- What operators collect, what they give back, journeys that end without an exit, and a ledger with fewer ways around it.

-- The exchange: what each operator is to be told, in the order in which it was committed: an operator's numbers begin at 1
-- and leave none out, so that nothing ever appears behind a number that was seen.
CREATE TABLE routes (
    operator TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    time INTEGER NOT NULL,
    -- Items of 17 bytes: what happened, the record's place among all, what the operator gained by it.
    items BLOB NOT NULL CHECK (length(items) % 17 = 0 AND length(items) BETWEEN 17 AND 1114112),
    PRIMARY KEY (operator, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER routes_are_final BEFORE UPDATE ON routes
BEGIN SELECT RAISE(ABORT, 'what an operator was told never changes'); END;

CREATE TRIGGER routes_are_kept BEFORE DELETE ON routes
BEGIN SELECT RAISE(ABORT, 'what an operator was told is never deleted'); END;

-- What was settled before there were routes: one for each upload, with all that the operator gained by its records so far.
WITH gains (settlement, gain) AS MATERIALIZED (
    SELECT c.settlement, sum(json_extract(m.value, '$.amount') * (
        (json_extract(m.value, '$.to.Operator') IS NOT NULL)
        - (json_extract(m.value, '$.from.Operator') IS NOT NULL)
    ))
    FROM charges AS c, json_each(c.moves) AS m GROUP BY c.settlement
), told (operator, sequence, time, items) AS (
    SELECT u.operator, u.sequence, u.received,
        unhex(group_concat(
            printf('01%016x%016x', s.upload * 8192 + s.position, coalesce(g.gain, 0)), '' ORDER BY s.position
        ))
    FROM uploads AS u
        JOIN settlements AS s ON s.upload = u.sequence AND s.outcome = 1
        LEFT JOIN gains AS g ON g.settlement = s.id
    GROUP BY u.sequence
)
INSERT INTO routes (operator, number, time, items)
SELECT operator, row_number() OVER (PARTITION BY operator ORDER BY sequence), time, items FROM told;

-- Journeys that end without an exit: 1 held for too long, 2 voided by the operator.
ALTER TABLE journeys ADD COLUMN ended INTEGER CHECK (ended IN (1, 2));
CREATE INDEX journeys_held ON journeys (time) WHERE exits = 0 AND closed_by IS NULL AND ended IS NULL;

-- Who pays for a journey, when it ends without a record.
CREATE INDEX charges_of_entries ON charges (settlement) WHERE kind = 3;

-- Amounts given back: each by a settled record of its own, and together never more than the purchase.
CREATE TABLE refunds (
    settlement INTEGER PRIMARY KEY REFERENCES settlements (id),
    paid INTEGER NOT NULL REFERENCES settlements (id),
    amount INTEGER NOT NULL CHECK (amount > 0),
    authorised INTEGER NOT NULL
) STRICT;

CREATE INDEX refunds_by_purchase ON refunds (paid);

CREATE TRIGGER refunds_are_within_the_purchase BEFORE INSERT ON refunds
WHEN NEW.amount + (SELECT coalesce(sum(amount), 0) FROM refunds WHERE paid = NEW.paid)
    > coalesce((SELECT amount FROM settlements WHERE id = NEW.paid AND kind = 1 AND outcome = 1), 0)
BEGIN SELECT RAISE(ABORT, 'more cannot be given back than was paid'); END;

CREATE TRIGGER refunds_are_final BEFORE UPDATE ON refunds
BEGIN SELECT RAISE(ABORT, 'a refund never changes'); END;

CREATE TRIGGER refunds_are_kept BEFORE DELETE ON refunds
BEGIN SELECT RAISE(ABORT, 'a refund is never deleted'); END;

-- The ledger. What was a matter of how it is written is one of the database now: no transaction commits an entry that is
-- not sealed, nothing is replaced, an account begins with nothing and stays what it is.

CREATE TABLE no_rows (id INTEGER PRIMARY KEY CHECK (id IS NULL)) STRICT;

CREATE TABLE unsealed_entries (
    entry INTEGER PRIMARY KEY REFERENCES no_rows (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TRIGGER entries_begin AFTER INSERT ON entries WHEN NEW.sealed = 0
BEGIN INSERT INTO unsealed_entries (entry) VALUES (NEW.id); END;

CREATE TRIGGER entries_are_sealed AFTER UPDATE OF sealed ON entries WHEN NEW.sealed = 1
BEGIN DELETE FROM unsealed_entries WHERE entry = NEW.id; END;

CREATE TRIGGER unsealed_entries_end_by_the_seal BEFORE DELETE ON unsealed_entries
WHEN (SELECT sealed FROM entries WHERE id = OLD.entry) IS NOT 1
BEGIN SELECT RAISE(ABORT, 'an entry has to be sealed'); END;

CREATE TRIGGER entries_have_postings BEFORE UPDATE OF sealed ON entries
WHEN NEW.sealed = 1 AND NOT EXISTS (SELECT 1 FROM postings WHERE entry = NEW.id)
BEGIN SELECT RAISE(ABORT, 'an entry has postings'); END;

CREATE TRIGGER entries_are_not_born_sealed BEFORE INSERT ON entries WHEN NEW.sealed <> 0
BEGIN SELECT RAISE(ABORT, 'an entry is written open'); END;

CREATE TRIGGER entries_are_not_replaced BEFORE INSERT ON entries
WHEN EXISTS (SELECT 1 FROM entries WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'an entry is never replaced'); END;

CREATE TRIGGER postings_are_not_replaced BEFORE INSERT ON postings
WHEN EXISTS (SELECT 1 FROM postings WHERE sequence = NEW.sequence)
    OR EXISTS (SELECT 1 FROM postings WHERE entry = NEW.entry AND account = NEW.account)
BEGIN SELECT RAISE(ABORT, 'a posting is never replaced'); END;

CREATE TRIGGER accounts_begin_with_nothing BEFORE INSERT ON accounts WHEN NEW.balance <> 0
BEGIN SELECT RAISE(ABORT, 'an account begins with nothing'); END;

CREATE TRIGGER accounts_are_not_replaced BEFORE INSERT ON accounts
WHEN EXISTS (SELECT 1 FROM accounts WHERE sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'an account is never replaced'); END;

CREATE TRIGGER accounts_stay_what_they_are BEFORE UPDATE OF sequence, name, kind, owner, currency ON accounts
BEGIN SELECT RAISE(ABORT, 'an account stays what it is'); END;

CREATE TRIGGER accounts_are_kept BEFORE DELETE ON accounts
BEGIN SELECT RAISE(ABORT, 'an account is never deleted'); END;

-- What is paid to whom is asked for every day.
CREATE INDEX accounts_of_operators ON accounts (sequence) WHERE kind = 2;
