-- Who does what is to be done once, and until when nobody else does.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder BLOB NOT NULL CHECK (length(holder) = 16),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
