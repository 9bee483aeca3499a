"""Known answers of what pseudonyms are sealed with, and a checker that overlooks no field of their file."""

import copy
import unittest
from pathlib import Path

from check_vectors import context_in
from symbolon_reference.checking import Fields, Tally, load_json
from symbolon_reference.linkage import LAST_PERIOD, linkage_value, next_seed, period_at, period_times, seed_after
from symbolon_reference.pseudonym_file import SECTIONS, check_pseudonym_file, check_rfc_9180
from symbolon_reference.pseudonyms import open_pairwise, seal_pairwise, tag_binding
from symbolon_reference.sealing import BASE, Aes, Gcm, Unopened, hkdf_expand, hkdf_extract, hpke_open, hpke_seal, x25519
from symbolon_reference.wire import TIME_LIMIT

VECTORS = Path(__file__).parent.parent / "vectors"


def hexed(text):
    return bytes.fromhex(text.replace(" ", ""))


class KnownAnswers(unittest.TestCase):
    def test_x25519_of_rfc_7748(self):
        scalar = hexed("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
        coordinate = hexed("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
        answer = "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
        self.assertEqual(x25519(scalar, coordinate).hex(), answer)
        secret = hexed("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
        answer = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
        self.assertEqual(x25519(secret, BASE).hex(), answer)

    def test_aes_of_fips_197(self):
        block = hexed("00112233445566778899aabbccddeeff")
        answers = {16: "69c4e0d86a7b0430d8cdb78070b4c55a", 32: "8ea2b7ca516745bfeafc49904b496089"}
        for size, answer in answers.items():
            self.assertEqual(Aes(bytes(range(size))).encrypt(block).hex(), answer)

    def test_gcm_of_its_designers(self):
        key, nonce = hexed("feffe9928665731c6d6a8f9467308308"), hexed("cafebabefacedbaddecaf888")
        plaintext = hexed(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
            "b16aedf5aa0de657ba637b39"
        )
        associated = hexed("feedfacedeadbeeffeedfacedeadbeefabaddad2")
        sealed = Gcm(key).seal(nonce, plaintext, associated)
        self.assertEqual(sealed[:16].hex(), "42831ec2217774244b7221b784d0d49c")
        self.assertEqual(sealed[-16:].hex(), "5bc94fbc3221a5db94fae95ae7121a47")
        self.assertEqual(Gcm(key).open(nonce, sealed, associated), plaintext)
        self.assertEqual(Gcm(bytes(16)).seal(bytes(12), b"", b"").hex(), "58e2fccefa7e3061367f1d57a4e7455a")

    def test_hkdf_of_rfc_5869(self):
        extracted = hkdf_extract(bytes(range(13)), b"\x0b" * 22)
        self.assertEqual(extracted.hex(), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
        expanded = hkdf_expand(extracted, bytes(range(0xF0, 0xFA)), 42).hex()
        answer = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        self.assertEqual(expanded, answer)


class Sealing(unittest.TestCase):
    def test_opens_only_as_it_was_sealed(self):
        secret = bytes(range(32))
        sealed = hpke_seal(x25519(secret, BASE), b"info", b"associated", b"plaintext", b"\7" * 32)
        self.assertEqual(hpke_open(secret, b"info", b"associated", sealed), b"plaintext")
        for position in range(len(sealed)):
            changed = sealed[:position] + bytes([sealed[position] ^ 0x80]) + sealed[position + 1:]
            self.assertRaises(Unopened, hpke_open, secret, b"info", b"associated", changed)
        for arguments in ((bytes(32), b"info", b"associated"), (secret, b"", b"associated"), (secret, b"info", b"")):
            self.assertRaises(Unopened, hpke_open, *arguments, sealed)
        self.assertRaises(Unopened, hpke_seal, bytes(32), b"", b"", b"", b"\7" * 32)

    def test_binds_tags_to_their_use(self):
        key, nonce = bytes(32), bytes(12)
        sealed = seal_pairwise(key, tag_binding(5), nonce, b"\1" * 16)
        self.assertEqual(open_pairwise("tag", key, tag_binding(5), sealed), b"\1" * 16)
        for binding in (tag_binding(6), tag_binding(None)):
            self.assertRaises(Unopened, open_pairwise, "tag", key, binding, sealed)


class Linkage(unittest.TestCase):
    def test_periods_follow_each_other(self):
        for boundary in (0, 68_400, 86_399):
            self.assertEqual(period_at(boundary, boundary), 0)
            self.assertEqual(period_at(period_times(7, boundary)[0], boundary), 7)
            self.assertEqual(period_at(period_times(7, boundary)[1], boundary), 8)
            self.assertLess(period_times(LAST_PERIOD, boundary)[2], TIME_LIMIT)
            self.assertIsNone(period_at(period_times(LAST_PERIOD, boundary)[1], boundary))
        self.assertIsNone(period_at(68_399, 68_400))

    def test_seeds_go_on(self):
        seed = bytes(32)
        self.assertEqual(seed_after(0x41, seed, 2), next_seed(0x41, next_seed(0x41, seed)))
        self.assertNotEqual(next_seed(0x41, seed), next_seed(0x42, seed))
        self.assertEqual(len({linkage_value(seed, j) for j in range(100)}), 100)


class Checking(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = load_json(VECTORS / "linkage-and-pseudonyms.json")
        known = {}
        cls.contexts = staticmethod(lambda suite: known.setdefault(suite, context_in(VECTORS, suite)))

    def failures(self, check, changed):
        tally = Tally()
        with tally.guarded("item"):
            check(tally, self.contexts, Fields(changed), "item")
        return tally.failed

    def test_every_field_counts(self):
        checks = {name: (check, self.document[name][:1]) for name, check in SECTIONS.items()}
        checks["rfc_9180"] = (check_rfc_9180, [self.document["rfc_9180"]])
        for section, (check, items) in checks.items():
            for item in items:
                self.assertEqual(self.failures(check, item), 0, section)
                for name, value in item.items():
                    absent = {key: kept for key, kept in item.items() if key != name}
                    for changed in ({**item, name: other(name, value)}, absent):
                        if all(changed.get(key) == kept for key, kept in item.items()):
                            continue
                        with self.subTest(section=section, name=name, absent=name not in changed):
                            # Values follow from seeds alone; whose a request is, only the whole file tells.
                            if (section, name) in (("linkage", "period"), ("requests", "suite")) and name in changed:
                                continue
                            self.assertGreater(self.failures(check, changed), 0)

    def test_shortened_and_extended_files_fail(self):
        quick = {**self.document, "pseudonyms": []}
        for section in SECTIONS:
            tally = Tally()
            check_pseudonym_file(tally, {**quick, section: []}, self.contexts, "file")
            self.assertTrue(any(f"enough {section}" in failure for failure in tally.failures), section)
        extended = copy.deepcopy(self.document)
        extended["extra"] = 1
        extended["linkage"][0]["extra"] = 1
        extended["requests"].reverse()
        for request, suite in zip(extended["requests"], ("P256-SHA256", "SECP256K1-SHA256")):
            request["suite"] = suite
        tally = Tally()
        check_pseudonym_file(tally, extended, self.contexts, "file")
        self.assertEqual(tally.failed, 4, tally.failures)


def other(name, value):
    """Another value of the same type."""
    if value is None:
        return 1
    if isinstance(value, int):
        return value + (100_000 if name == "time" else 1)
    if isinstance(value, list):
        return value[:-1]
    if value.startswith(("P256", "SECP")):
        return {"P256-SHA256": "SECP256K1-SHA256", "SECP256K1-SHA256": "P256-SHA256"}[value]
    data = bytes.fromhex(value)
    # Of an X25519 secret, the lowest bits of the first byte do not count.
    return (data[:-1] + bytes([data[-1] ^ 1])).hex()


if __name__ == "__main__":
    unittest.main()
