-- Settling at the pace of a city.

-- That an agreement settles once is looked up for every record. An agreement says which terminal took it and when, so
-- that by these the agreements of one upload lie side by side; by the credential, each would be on a page of its own.
DROP INDEX settlements_settle_once;
CREATE UNIQUE INDEX settlements_settle_once ON settlements (terminal_digest, time, agreement, credential_digest)
WHERE outcome = 1;
