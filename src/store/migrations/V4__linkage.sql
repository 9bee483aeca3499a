-- A linkage authority: one seed for every card it knows, under a handle that says nothing of it.

CREATE TABLE linkage_seeds (
    handle BLOB PRIMARY KEY CHECK (length(handle) = 16),
    -- The period of the seed. Seeds of earlier periods are nowhere.
    period INTEGER NOT NULL CHECK (period BETWEEN 0 AND 4294967295),
    seed BLOB NOT NULL CHECK (length(seed) = 32),
    since INTEGER NOT NULL,
    -- A published seed stays as it was published.
    published INTEGER NOT NULL DEFAULT 0 CHECK (published IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX linkage_seeds_by_period ON linkage_seeds (period) WHERE published = 0;

CREATE TRIGGER linkage_seeds_never_go_back BEFORE UPDATE ON linkage_seeds WHEN NEW.period < OLD.period
BEGIN SELECT RAISE(ABORT, 'a seed never goes back'); END;

CREATE TRIGGER linkage_seeds_stay_published BEFORE UPDATE ON linkage_seeds WHEN OLD.published = 1
BEGIN SELECT RAISE(ABORT, 'a published seed never changes'); END;
