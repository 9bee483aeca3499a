"""Misuse: what a set of signed items proves against the credential that signed them."""

from dataclasses import dataclass

from .tap import NO_TERMINAL, SCREEN_CODE, SPENDING_KINDS, TERMS_SIZE, Presentation, Terms
from .wire import BadSignature, Reader

DOUBLE_USE, OVERSPEND, NOTHING = "double_use", "overspend", "nothing"
FINDINGS = (DOUBLE_USE, OVERSPEND, NOTHING)


@dataclass(frozen=True)
class Item:
    """One signed transaction as evidence: terms, terminal digest, presentation."""

    terms: Terms
    terminal_digest: bytes
    presentation: Presentation
    data: bytes

    @classmethod
    def parse(cls, data):
        reader = Reader("item", data)
        item = cls(Terms.read(reader), reader.take(32, "terminal digest"), Presentation.read(reader), reader.data)
        reader.end()
        if (item.terms.flags == SCREEN_CODE) != (item.terminal_digest == NO_TERMINAL):
            raise reader.malformed("a terminal digest of zeros goes with a screen code and with nothing else")
        return item

    @property
    def message(self):
        """What was signed, without the counter."""
        return self.data[:TERMS_SIZE] + self.terminal_digest

    def verify(self, authority):
        self.presentation.verify(authority, self.data[:TERMS_SIZE], self.terminal_digest)


def judge(authority, items_data):
    """The finding over any number of items. Malformed items raise; items that do not verify prove nothing."""
    items = [Item.parse(data) for data in items_data]
    if len({item.presentation.holder.data for item in items}) != 1:
        return NOTHING
    try:
        for item in items:
            item.verify(authority)
    except BadSignature:
        return NOTHING
    by_counter = {}
    for item in items:
        by_counter.setdefault(item.presentation.counter, []).append(item)
    if any(len({item.message for item in group}) > 1 for group in by_counter.values()):
        return DOUBLE_USE
    # From here on each counter has one message, so that taking the first counts none twice.
    spent = sum(group[0].terms.amount for group in by_counter.values() if group[0].terms.kind in SPENDING_KINDS)
    return OVERSPEND if spent > items[0].presentation.holder.identity.budget else NOTHING
