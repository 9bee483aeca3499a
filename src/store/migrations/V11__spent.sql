-- What a credential has spent stands with its settlements, so that settling a record touches one place of one index less.

-- Of the settlement with the highest counter of its credential: what was settled of the credential's purchases and
-- entries in all. Of the others it says nothing that still holds.
ALTER TABLE settlements ADD COLUMN spent INTEGER CHECK (spent >= 0);

UPDATE settlements SET spent =
    coalesce((SELECT spent FROM spending WHERE spending.credential_digest = settlements.credential_digest), 0)
WHERE NOT EXISTS (
    SELECT 1 FROM settlements AS later
    WHERE later.credential_digest = settlements.credential_digest AND later.counter > settlements.counter
);

DROP TABLE spending;
