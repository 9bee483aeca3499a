"""What both kinds of vector files need: counting, typed fields of which none is overlooked, strict JSON."""

import json
import re
from contextlib import contextmanager

from .curve import SUITE_NAMES
from .wire import Refused

LOWER_HEX = re.compile(r"(?:[0-9a-f]{2})*\Z")


class Tally:
    """Counts what held and keeps what did not."""

    def __init__(self):
        self.passed = 0
        self.failures = []

    @property
    def failed(self):
        return len(self.failures)

    def expect(self, label, holds, detail=""):
        if holds:
            self.passed += 1
        else:
            self.failures.append(f"{label}: {detail}" if detail else label)

    def equal(self, label, found, computed):
        self.expect(label, found == computed, f"the file has {show(found)}, recomputed is {show(computed)}")

    @contextmanager
    def guarded(self, label):
        """A vector that cannot even be read is a failure, and the next one still gets its turn."""
        try:
            yield
        except (Refused, FieldError, ValueError) as error:
            self.expect(label, False, str(error))

    def accepts(self, label, check, *arguments):
        """`check` returns without refusing."""
        try:
            check(*arguments)
        except (Refused, ValueError) as error:
            self.expect(label, False, str(error))
        else:
            self.expect(label, True)


def show(value):
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= 80 else f"{text[:76]}... ({len(text)} characters)"


class FieldError(Exception):
    """A field of a vector is missing or of the wrong type."""


class Fields:
    """One JSON object. `unread` names whatever no check has asked for."""

    def __init__(self, mapping):
        if not isinstance(mapping, dict):
            raise FieldError(f"not an object: {show(mapping)}")
        self._mapping = mapping
        self._read = set()

    def __contains__(self, name):
        return name in self._mapping

    def _get(self, name, wanted, description):
        self._read.add(name)
        if name not in self._mapping:
            raise FieldError(f"field {name} is missing")
        value = self._mapping[name]
        if type(value) is not wanted:
            raise FieldError(f"field {name} is not {description}: {show(value)}")
        return value

    def bytes(self, name):
        value = self._get(name, str, "hex")
        if not LOWER_HEX.match(value):
            raise FieldError(f"field {name} is not lower-case hex")
        return bytes.fromhex(value)

    def text(self, name):
        return self._get(name, str, "a string")

    def number(self, name):
        value = self._get(name, int, "a number")
        if value < 0:
            raise FieldError(f"field {name} is negative")
        return value

    def boolean(self, name):
        return self._get(name, bool, "true or false")

    def list(self, name):
        return self._get(name, list, "a list")

    def object(self, name):
        return Fields(self._get(name, dict, "an object"))

    def optional(self, name):
        """Any value, or None."""
        self._read.add(name)
        return self._mapping.get(name)

    def unread(self):
        return sorted(set(self._mapping) - self._read)


def expect_all_read(tally, label, fields):
    unread = fields.unread()
    tally.expect(f"{label}: no field is left unchecked", not unread, ", ".join(unread))


def context_of(contexts, fields):
    """The authority of a vector that names its suite."""
    name = fields.text("suite")
    if name not in SUITE_NAMES:
        raise FieldError(f"suite {name} is not known")
    return contexts(name)


def check_sections(tally, context, fields, label, sections, least):
    """Checks a file's lists: `sections` has each one's check, `least` how many vectors it has at the least. Returns how many
    each has, and the set of what its check returned for those that could be read."""
    counts, found = {}, {}
    for section, check in sections.items():
        items = fields.list(section)
        counts[section], found[section] = len(items), set()
        for number, item in enumerate(items):
            item_label = f"{label}: {section}[{number}]"
            with tally.guarded(item_label):
                found[section].add(check(tally, context, Fields(item), item_label))
        enough = len(items) >= least[section]
        tally.expect(f"{label}: enough {section}", enough, f"{len(items)}, not {least[section]}")
    return counts, found


def load_json(path):
    """A file's object; a name given twice is refused, since readers differ on which of the two counts."""
    def without_duplicates(pairs):
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            raise FieldError(f"{path}: a name occurs twice in one object")
        return dict(pairs)

    with open(path, encoding="utf-8") as file:
        return json.load(file, object_pairs_hook=without_duplicates)
