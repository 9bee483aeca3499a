"""Periods, the seeds of the two linkage authorities, their values, and the subjects of pseudonyms."""

from .hashing import sha256
from .sealing import hmac_sha256
from .wire import TIME_LIMIT, encode_number

DAY = 86_400
GRACE = 6 * 3_600
AUTHORITIES = (0x41, 0x42)
LAST_PERIOD = 12_725_826
ENTRY_SIZE = 68


def period_at(time, boundary):
    """The number of the period that a time is in; None before the first and after the last."""
    if not 0 <= time < TIME_LIMIT:
        raise ValueError("no time")
    period = (time - boundary) // DAY
    return period if 0 <= period <= LAST_PERIOD else None


def period_times(period, boundary):
    """Start, end, and when its pseudonyms expire."""
    start = period * DAY + boundary
    return [start, start + DAY, start + DAY + GRACE]


def next_seed(authority, seed):
    return sha256(b"SYMBOLON-V1-LINKAGE-SEED", bytes([authority]), seed)


def seed_after(authority, seed, periods):
    for _ in range(periods):
        seed = next_seed(authority, seed)
    return seed


def linkage_value(seed, j):
    return hmac_sha256(seed, b"SYMBOLON-V1-LINKAGE-VALUE" + encode_number(j, 4))[:16]


def subject_of(value_41, value_42):
    return bytes(left ^ right for left, right in zip(value_41, value_42))


def check_revoked_seeds(reader, content):
    """What a bundle's section of revoked seeds must be; gives (boundary, per period, entries)."""
    if len(content) < 8 + ENTRY_SIZE or (len(content) - 8) % ENTRY_SIZE:
        raise reader.malformed("revoked seeds are not a head and entries")
    boundary, per_period = (int.from_bytes(content[start:start + 4], "big") for start in (0, 4))
    if boundary >= DAY:
        raise reader.malformed("the period boundary is not within a day")
    if not 1 <= per_period <= 65_535:
        raise reader.malformed("not 1 to 65,535 pseudonyms a period")
    entries = [content[start:start + ENTRY_SIZE] for start in range(8, len(content), ENTRY_SIZE)]
    if any(left >= right for left, right in zip(entries, entries[1:])):
        raise reader.malformed("revoked seeds are not sorted")
    if int.from_bytes(entries[-1][:4], "big") > LAST_PERIOD:
        raise reader.malformed("a period beyond the last")
    return boundary, per_period, entries


def recognised(entry, period, per_period):
    """The subjects of one period that an entry gives away."""
    first, seeds = int.from_bytes(entry[:4], "big"), (entry[4:36], entry[36:])
    if period < first:
        return []
    seed_41, seed_42 = (seed_after(*pair, period - first) for pair in zip(AUTHORITIES, seeds))
    return [subject_of(linkage_value(seed_41, j), linkage_value(seed_42, j)) for j in range(per_period)]
