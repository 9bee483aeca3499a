"""The sections of a bundle that tell terminals whom to serve, what journeys cost, and whom not to trust."""

from .credential import CARD, POWER, PSEUDONYM, TRANSPORT, WATER
from .hashing import sha256
from .linkage import DAY, LAST_PERIOD
from .wire import Reader

SECTORS = (WATER, POWER, TRANSPORT)
DECLINE, REFER, ACCEPT = 0, 1, 2
CARDS = 0xFFFFFFFF
MASK = (1 << 64) - 1
HIT, ABSENT, OUT_OF_SCOPE = "hit", "absent", "out_of_scope"


def entries_of(structure, content, size, key_size, read):
    """Entries of one size, at least one, strictly ascending by what they begin with."""
    if not content or len(content) % size:
        raise Reader(structure, b"").malformed(f"not a number of {size} bytes")
    cut = [content[start:start + size] for start in range(0, len(content), size)]
    entries = [read(Reader(structure, entry)) for entry in cut]
    if any(left[:key_size] >= right[:key_size] for left, right in zip(cut, cut[1:])):
        raise Reader(structure, b"").malformed("not ascending")
    return entries


def read_limit(reader):
    sector = reader.one_of(1, SECTORS, "sector")
    reader.zero(1)
    return {"sector": sector, "currency": reader.number(2, "currency"), "cap": reader.number(4, "cap")}


def read_rule(reader):
    rule = {"sector": reader.one_of(1, SECTORS, "sector"), "class": reader.one_of(1, (CARD, PSEUDONYM), "class")}
    rule["currency"] = reader.number(2, "currency")
    for name in ("tier", "tap_cap", "fresh_seconds"):
        rule[name] = reader.number(4, name)
    rule["stale"] = reader.one_of(1, (DECLINE, REFER, ACCEPT), "stale")
    reader.zero(3)
    for name in ("stale_cap", "stale_seconds"):
        rule[name] = reader.number(4, name)
    if rule["stale_cap"] > (rule["tap_cap"] if rule["stale"] == ACCEPT else 0):
        raise reader.malformed("the stale cap is too high")
    if rule["stale"] == DECLINE and rule["stale_seconds"]:
        raise reader.malformed("a stale time of what is declined")
    return rule


def read_tariff(reader):
    tariff = {"sector": reader.one_of(1, SECTORS, "sector"), "tariff": reader.one_of(1, range(1, 256), "tariff")}
    tariff["permille"] = reader.one_of(2, range(1001), "permille")
    reader.zero(4)
    return tariff


def concession(permille, full):
    """What a group pays of a full fare."""
    return max(full * permille // 1000, 1) if full and permille else 0


def read_fare(reader):
    fare = {"operator": reader.take(8, "operator"), "currency": reader.number(2, "currency")}
    reader.zero(2)
    fare["from"], fare["to"] = reader.take(16, "from"), reader.take(16, "to")
    fare["fare"] = reader.number(4, "fare")
    if any(fare["from"]) != any(fare["to"]):
        raise reader.malformed("a journey between a place and none")
    return fare


def read_rules(content):
    return entries_of("rules", content, 28, 4, read_rule)


def read_tariffs(content):
    return entries_of("tariffs", content, 8, 2, read_tariff)


def read_fares(content):
    return entries_of("fares", content, 48, 44, read_fare)


class FilterSet:
    """One set of a filter."""

    def __init__(self, reader):
        self.scope = reader.number(4, "scope")
        if self.scope > LAST_PERIOD and self.scope != CARDS:
            raise reader.malformed("no period and not cards")
        self.seed = reader.number(8, "seed")
        self.segment, self.first_places, self.keys, self.size = (
            reader.number(4, name) for name in ("L", "C", "keys", "fingerprints")
        )
        reader.zero(4)
        if self.keys == 0:
            if any((self.seed, self.segment, self.first_places, self.size)):
                raise reader.malformed("a set without a key is not all zero")
        elif self.segment not in [1 << power for power in range(2, 19)]:
            raise reader.malformed("no length of a segment")
        elif self.first_places == 0 or self.first_places % self.segment:
            raise reader.malformed("first places are not whole segments")
        elif self.size != self.first_places + 2 * self.segment or self.keys > self.size:
            raise reader.malformed("as many fingerprints as there are not")
        data = reader.take(2 * self.size, "fingerprints")
        self.fingerprints = [int.from_bytes(data[at:at + 2], "big") for at in range(0, len(data), 2)]

    def has(self, key):
        if self.keys == 0:
            return False
        x = (key + self.seed) & MASK
        x = (x ^ (x >> 33)) * 0xFF51AFD7ED558CCD & MASK
        x = (x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53 & MASK
        x = x ^ (x >> 33)
        a = x * self.first_places >> 64
        b = (a + self.segment) ^ ((x >> 18) & (self.segment - 1))
        c = (a + 2 * self.segment) ^ (x & (self.segment - 1))
        found = self.fingerprints[a] ^ self.fingerprints[b] ^ self.fingerprints[c]
        return found == (x ^ (x >> 32)) & 0xFFFF


class Filter:
    """The filter of revoked subjects."""

    def __init__(self, content):
        reader = Reader("filter", content)
        reader.one_of(1, (1,), "kind")
        reader.zero(1)
        count = reader.one_of(2, range(1, 1 << 16), "sets")
        self.boundary = reader.one_of(4, range(DAY), "period boundary")
        self.sets = [FilterSet(reader) for _ in range(count)]
        reader.end()
        if any(left.scope >= right.scope for left, right in zip(self.sets, self.sets[1:])):
            raise reader.malformed("the sets are not sorted")

    def lookup(self, scope, subject):
        for one in self.sets:
            if one.scope == scope:
                return HIT if one.has(filter_hash(subject)[0]) else ABSENT
        return OUT_OF_SCOPE


def filter_hash(subject):
    """k and s of a subject."""
    digest = sha256(b"SYMBOLON-V1-FILTER", subject)
    return int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:10], "big")


def part_of(subject, parts):
    return filter_hash(subject)[1] * parts // 65_536
