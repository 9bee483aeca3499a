"""The checker accepts a right file, and refuses it after any change of any field."""

import copy
import io
import json
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import check_vectors
from sample import City
from symbolon_reference.checking import FieldError, Fields, Tally
from symbolon_reference.curve import CURVES, P256
from symbolon_reference.scheme_file import SECTIONS, Context, check_authority


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cities = {curve: City(curve) for curve in CURVES}
        cls.documents = {curve: city.document() for curve, city in cls.cities.items()}

    def run_checker(self, schemes, invalid=(), arguments=None):
        """Exit code and output over a folder with these files in it."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "invalid").mkdir()
            for number, document in enumerate(schemes):
                Path(folder, f"scheme-{number}.json").write_text(json.dumps(document))
            for number, document in enumerate(invalid):
                Path(folder, "invalid", f"{number:03}.json").write_text(json.dumps(document))
            output = io.StringIO()
            with redirect_stdout(output), redirect_stderr(output):
                code = check_vectors.main([str(Path(folder, name)) for name in arguments or ["."]])
        return code, output.getvalue()

    def assert_fails(self, result, words):
        code, output = result
        self.assertEqual(code, 1, output)
        self.assertIn(words, output)

    def test_right_files_pass_on_both_suites(self):
        code, output = self.run_checker(self.documents.values())
        self.assertEqual(code, 0, output)
        self.assertRegex(output.splitlines()[-1], r"^[1-9]\d* passed, 0 failed$")

    def test_nothing_to_check_is_a_failure(self):
        self.assert_fails(self.run_checker([]), "nothing was checked")
        self.assert_fails(self.run_checker([], arguments=["absent.json"]), "1 failed")

    def test_shortened_and_extended_files_fail(self):
        document = self.documents[P256]
        for section in SECTIONS:
            with self.subTest(section=section):
                self.assert_fails(self.run_checker([{**document, section: []}]), f"enough {section}")
        self.assert_fails(self.run_checker([{**document, "extra": 1}]), "no field is left unchecked: extra")
        extended = copy.deepcopy(document)
        extended["uploads"][1]["extra"] = "00"
        self.assert_fails(self.run_checker([extended]), "uploads[1]: no field is left unchecked: extra")

    def test_every_field_of_every_vector_counts(self):
        for curve in CURVES:
            document = self.documents[curve]
            context = Context(document)
            for section, check in SECTIONS.items():
                # The arithmetic differs between suites, the fields do not: one item a section is enough for the other.
                for item in document[section] if curve is P256 else document[section][:1]:
                    self.each_change_fails(context, section, check, item)

    def test_every_field_of_the_authority_counts(self):
        document = self.documents[P256]
        for name in document["authority"]:
            with self.subTest(name=name):
                changed = copy.deepcopy(document)
                changed["authority"][name] = other(name, changed["authority"][name])
                tally = Tally()
                try:
                    fields = Fields(changed["authority"])
                    check_authority(tally, Context(changed), fields, "authority")
                except FieldError as error:
                    tally.expect("authority", False, str(error))
                self.assertGreater(tally.failed, 0)

    def each_change_fails(self, context, section, check, item):
        for name, value in item.items():
            for changed in ({**item, name: other(name, value)}, without(item, name)):
                with self.subTest(suite=context.curve.name, section=section, name=name, absent=name not in changed):
                    if changes_nothing(item, name, changed):
                        continue
                    tally = Tally()
                    with tally.guarded("item"):
                        check(tally, context, Fields(changed), "item")
                    self.assertGreater(tally.failed, 0)

    # ---- invalid files -----------------------------------------------------------------------------------------

    def invalid(self, structure, step, reason="malformed", **fields):
        fields = {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}
        return {
            "suite": "P256-SHA256", "structure": structure, "step": step, "reason": reason,
            "why": "A sentence that says why.", **fields,
        }

    def good_and_bad(self):
        """For each structure one that must be refused, and the same one unharmed."""
        city = self.cities[P256]
        card, terms = city.card, city.terms()
        identity, offer = card.data[:56], card.data[:56] + bytes(32)
        challenge, presentation = city.challenge(terms), city.present(card, terms)
        possession = bytes.fromhex(card.vector["possession"])
        single = {
            "authority_parameters": city.authority.data, "identity": identity, "credential": card.data,
            "point": card.point, "scalar": city.curve.encode_scalar(card.d), "select": city.select(),
            "terms": terms.encode(), "challenge": challenge, "presentation": presentation, "upload": city.upload(),
            "bundle": city.bundle(b"\1\1\0\0\0\0\0\x10" + bytes(16)), "successor": city.successor(), "offer": offer,
        }
        for structure, data in single.items():
            bad = bytes([data[0] ^ 0xFF]) + data[1:] if structure != "scalar" else city.curve.n.to_bytes(32, "big")
            yield self.invalid(structure, "parse", bytes=data), self.invalid(structure, "parse", bytes=bad)
            yield self.invalid(structure, "parse", bytes=data), self.invalid(structure, "parse", bytes=data + b"\0")
            yield self.invalid(structure, "parse", bytes=data), self.invalid(structure, "parse", bytes=data[:-1])
        signed = dict(self.documents[P256]["signatures"][0])
        signature = bytes.fromhex(signed.pop("signature"))
        signed.pop("random")
        signed["signer"] = {"credential": signed.pop("credential")}
        for name, good, fields in (
            ("signature", signature, {"authority": city.authority.id, **signed}),
            ("possession", possession, {"U": card.point, "identity": identity, "offer_nonce": city_nonce(card)}),
        ):
            good_file = self.invalid(name, "verify", "bad_signature", bytes=good, **fields)
            yield good_file, {**good_file, "bytes": flip(good).hex()}
        tap = {"select": city.select(), "challenge": challenge, "presentation": presentation, "now": 1_800_000_000}
        good_file = self.invalid("tap", "policy", "timed_out", **tap)
        yield good_file, {**good_file, "now": tap["now"] + 61}
        first, second = next(city.misuse_pairs())
        good_file = self.invalid("misuse", "verify", "bad_signature", first=first, second=second)
        yield good_file, {**good_file, "second": first.hex()}

    def test_invalid_files_pass_and_their_unharmed_twins_fail(self):
        pairs = list(self.good_and_bad())
        document = self.documents[P256]
        code, output = self.run_checker([document], [bad for _, bad in pairs])
        self.assertEqual(code, 0, output)
        code, output = self.run_checker([document], [good for good, _ in pairs])
        self.assertEqual(code, 1)
        self.assertEqual(output.count("is refused: it is accepted"), len(pairs), output)

    def test_invalid_file_alone_finds_its_authority(self):
        bad = next(self.good_and_bad())[1]
        code, output = self.run_checker([self.documents[P256]], [bad], ["invalid/000.json"])
        self.assertEqual(code, 0, output)

    def test_refused_later_than_stated_and_for_another_reason_fail(self):
        document = self.documents[P256]
        files = [bad for _, bad in self.good_and_bad()]
        possession = next(file for file in files if file["structure"] == "possession")
        self.assert_fails(self.run_checker([document], [{**possession, "step": "parse"}]), "is refused at parse")
        tap = next(file for file in files if file["structure"] == "tap")
        self.assert_fails(self.run_checker([document], [{**tap, "reason": "expired"}]), "timed_out")
        self.assert_fails(self.run_checker([document], [{**tap, "reason": "tired"}]), "closed list")
        self.assert_fails(self.run_checker([document], [{**tap, "structure": "wave"}]), "wave is not known")


def flip(data):
    return data[:-1] + bytes([data[-1] ^ 1])


def city_nonce(holder):
    return bytes.fromhex(holder.vector["offer_nonce"])


def without(mapping, name):
    return {key: value for key, value in mapping.items() if key != name}


def changes_nothing(item, name, changed):
    """A declined tap or a pair that proves nothing stays so; and no reason says the same as a null reason."""
    if name not in changed:
        return name == "reason" and item["accepted"]
    return name not in ("accepted", "reason", "proves") and (
        item.get("accepted") is False or item.get("proves") == "nothing"
    )


def other(name, value):
    """Another value of the same type, and where it matters of the same form."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 200
    if value is None:
        return "expired"
    if name in ("name", "institution", "reason", "proves"):
        return "another"
    if isinstance(value, list):
        return [*value[:-1], other(name, value[-1])]
    return flip(bytes.fromhex(value)).hex()


if __name__ == "__main__":
    unittest.main()
