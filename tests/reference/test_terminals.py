"""What terminals are told and asked: every field of the committed file counts, and the numbers of the filter are those of
its text."""

import unittest
from pathlib import Path

from check_vectors import context_in
from symbolon_reference.apdu import WrongCommand, found_in, frame, read_command
from symbolon_reference.checking import Fields, Tally, load_json
from symbolon_reference.sections import FilterSet, concession, part_of
from symbolon_reference.terminal_file import LEAST, SECTIONS, check_terminal_file
from symbolon_reference.wire import Malformed, Reader, encode_number

# Noise at the end of a line may be any, and so may a word of a reason and some refused bytes.
FREE = (("refused_commands", "why"), ("refused_commands", "bytes"), ("refused_commands", "to"), ("lines", "line"),
        # The last bytes of a section are fingerprints, which follow from no rule as long as every key is found.
        ("filters", "section"))
VECTORS = Path(__file__).parent.parent / "vectors"


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = load_json(VECTORS / "terminals.json")
        cls.known = {}

    def contexts(self, suite):
        if suite not in self.known:
            self.known[suite] = context_in(VECTORS, suite)
        return self.known[suite]

    def failures(self, check, item):
        tally = Tally()
        with tally.guarded("item"):
            check(tally, self.contexts, Fields(item), "item")
        return tally.failed

    def test_every_field_counts(self):
        for section, check in SECTIONS.items():
            # Signatures take their time: each suite's first is enough.
            items = self.document[section]
            for item in items[:1] + items[-1:] if section in ("bundles", "vouchers") else items:
                self.assertEqual(self.failures(check, item), 0)
                for name, value in item.items():
                    for changed in ({**item, name: other(name, value)}, without(item, name)):
                        with self.subTest(section=section, name=name, absent=name not in changed):
                            if changed == item or name in changed and (section, name) in FREE:
                                continue
                            self.assertGreater(self.failures(check, changed), 0)

    def test_shortened_and_extended_files_fail(self):
        empty = {section: [] for section in SECTIONS}
        tally = Tally()
        check_terminal_file(tally, {**empty, "extra": 1}, self.contexts, "file")
        # Of each section too few, of two no suite, and one field too many.
        self.assertEqual(tally.failed, len(LEAST) + 2 + 1, tally.failures)


class Numbers(unittest.TestCase):
    def test_a_set_of_one_key(self):
        # With all fingerprints 0 a key is a hit when its own fingerprint is: one in 65,536.
        head = [7, 0, 0, 4, 4, 1, 12, 0]
        data = b"".join(encode_number(number, 4) for number in head) + bytes(24)
        one = FilterSet(Reader("set", data))
        self.assertTrue(one.has(0))
        self.assertFalse(any(one.has(key) for key in range(1, 1000)))

    def test_parts(self):
        subjects = [bytes([number]) * 16 for number in range(100)]
        for parts in (1, 3, 65_535):
            self.assertTrue(all(part_of(subject, parts) < parts for subject in subjects))
        self.assertEqual({part_of(subject, 3) for subject in subjects}, {0, 1, 2})

    def test_concessions(self):
        self.assertEqual([concession(500, 301), concession(1, 999), concession(0, 5), concession(500, 0)], [150, 1, 0, 0])

    def test_frames(self):
        self.assertEqual(frame(b"\x90\0").hex(), "00029000f24b")
        self.assertEqual(found_in(b"\0\5" + frame(b"one") + b"\xff" + frame(b"two")), [b"one", b"two"])

    def test_commands_of_another_form(self):
        for data in (b"", b"\0\xa4\4", b"\0\xa4\4\0\0", b"\0\xa4\4\0\0\0\1\1"):
            with self.assertRaises(Malformed):
                read_command("card", data)
        with self.assertRaises(WrongCommand) as raised:
            read_command("card", bytes.fromhex("9020000000"))
        self.assertEqual(raised.exception.status.hex(), "6884")


def without(mapping, name):
    return {key: value for key, value in mapping.items() if key != name}


def other(name, value):
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return value[:-1] if name != "pays" else [[full, paid + 1] for full, paid in value]
    if value.startswith(("P256", "SECP")):
        return {"P256-SHA256": "SECP256K1-SHA256", "SECP256K1-SHA256": "P256-SHA256"}[value]
    if value in ("card", "port"):
        return {"card": "port", "port": "card"}[value]
    if name in ("operator", "command"):
        return "another"
    if name == "why":
        return "short"
    data = bytes.fromhex(value)
    return (data[:-1] + bytes([data[-1] ^ 1])).hex() if data else "00"


if __name__ == "__main__":
    unittest.main()
