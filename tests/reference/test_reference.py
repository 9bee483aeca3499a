"""Known answers of the parts, and the protocol against itself: what is right passes, what is mauled is refused."""

import unittest
from dataclasses import replace

from sample import NAME, NOON, City, Holder
from symbolon_reference.credential import WATER, Credential, Identity
from symbolon_reference.curve import CURVES, P256, SECP256K1, SUITES
from symbolon_reference.hashing import expand_message_xmd, sha256
from symbolon_reference.issuing import archive_binds, complete, verify_possession
from symbolon_reference.misuse import DOUBLE_USE, NOTHING, OVERSPEND, judge
from symbolon_reference.parameters import Authority, identity_digits
from symbolon_reference.signature import ACKNOWLEDGEMENT, BUNDLE, POSSESSION, RECEIPT, SUCCESSOR, TRANSACTION
from symbolon_reference.signature import Signer, request_message, sign, verify
from symbolon_reference.tap import CREDIT, ENTRY, EXIT, REFUND, SCREEN_CODE, Terms, Upload, upload_header
from symbolon_reference.tap import verify_acknowledgement, verify_receipt
from symbolon_reference.terminal import decide
from symbolon_reference.trust import Bundle, Successor
from symbolon_reference.wire import BadSignature, Malformed, Refused

CITIES = {}


def city_of(curve):
    if curve not in CITIES:
        CITIES[curve] = City(curve)
    return CITIES[curve]


class Hashing(unittest.TestCase):
    def test_expand_message_xmd_of_rfc_9380_appendix_k_1(self):
        domain = b"QUUX-V01-CS02-with-expander-SHA256-128"
        answers = {
            b"": "68a985b87eb6b46952128911f2a4412bbc302a9d759667f87f7a21d803f07235",
            b"abc": "d8ccab23b5985ccea865c6c97b6e5b8350e794e603b4b97902f53a8a0d605615",
            b"abcdef0123456789": "eff31487c770a893cfb36f912fbfcbff40d5661771ca4b2cb4eafe524333f5c1",
            b"q128_" + b"q" * 128: "b23a1d2b4d97b2ef7785562a7e8bac7eed54ed6e97e29aa51bfe3f12ddad1ff9",
            b"a512_" + b"a" * 512: "4623227bcc01293b8c130bf771da8c298dede7383243dc0993d2d94823958c4c",
        }
        for message, answer in answers.items():
            self.assertEqual(expand_message_xmd(message, domain, 0x20).hex(), answer)
        longer = expand_message_xmd(b"", domain, 0x80).hex()
        self.assertTrue(longer.startswith("af84c27ccfd45d41914fdff5df25293e221afc53d8ad2ac06d5e3e29485dadbe"), longer)
        self.assertTrue(longer.endswith("dcc541708d3491184472c2c29bb749d4286b004ceb5ee6b9a7fa5b646c993f0ced"), longer)


class Curves(unittest.TestCase):
    def test_small_multiples_of_both_generators(self):
        answers = {
            P256: {
                2: "7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978",
                3: "5ecbe4d1a6330a44c8f7ef951d4bf165e6c6b721efada985fb41661bc6e7fd6c",
                4: "e2534a3532d08fbba02dde659ee62bd0031fe2db785596ef509302446b030852",
                5: "51590b7a515140d2d784c85608668fdfef8c82fd1f5be52421554a0dc3d033ed",
            },
            SECP256K1: {
                2: "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
                3: "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
                4: "e493dbf1c10d80f3581e4904930b1404cc6c13900ee0758474fa94abe8c4cd13",
                5: "2f8bde4d1a07209355b4a7250a5c5128e88b84bddc619ab7cba8d569b240efe4",
            },
        }
        for curve, multiples in answers.items():
            for scalar, x in multiples.items():
                with self.subTest(suite=curve.name, scalar=scalar):
                    point = curve.multiply_base(scalar)
                    self.assertEqual(point[0], int(x, 16))
                    self.assertTrue(curve.contains(point))
                    self.assertEqual(point, curve.multiply(scalar, curve.generator))
                    self.assertEqual(point, curve.sum([curve.generator] * scalar))

    def test_order_and_infinity(self):
        for curve in CURVES:
            generator = curve.generator
            self.assertTrue(curve.contains(generator))
            last = curve.multiply_base(curve.n - 1)
            self.assertEqual(last, curve.negate(generator))
            self.assertIsNone(curve.add(last, generator))
            self.assertIsNone(curve.multiply_base(curve.n))
            # multiply reduces mod n, so that the order itself is shown by adding up powers of two.
            doubled, total = generator, None
            for bit in range(256):
                if curve.n >> bit & 1:
                    total = curve.add(total, doubled)
                doubled = curve.add(doubled, doubled)
            self.assertIsNone(total)
            self.assertEqual(curve.multiply_base_many([0, 1, 2]), [None, generator, curve.add(generator, generator)])
            with self.assertRaises(ValueError):
                curve.encode(None)

    def test_points_have_one_encoding(self):
        for curve in CURVES:
            for scalar in (1, 2, curve.n - 1):
                encoded = curve.encode(curve.multiply_base(scalar))
                self.assertEqual(curve.encode(curve.decode(encoded)), encoded)
            generator = curve.encode(curve.generator)
            off_curve = next(x for x in range(1, 99) if not self.is_abscissa(curve, x))
            aliased = next(x for x in range(1, 99) if self.is_abscissa(curve, x))
            bad = [bytes([prefix]) + generator[1:] for prefix in range(256) if prefix not in (2, 3)]
            bad += [b"\0", bytes(33), generator[:-1], generator + b"\0", b"", b"\2" + b"\xff" * 32]
            bad += [b"\2" + x.to_bytes(32, "big") for x in (off_curve, curve.p, curve.p + aliased)]
            for encoded in bad:
                with self.subTest(suite=curve.name, encoded=encoded.hex()), self.assertRaises(Malformed):
                    curve.decode(encoded)

    @staticmethod
    def is_abscissa(curve, x):
        return pow(x**3 + curve.a * x + curve.b, (curve.p - 1) // 2, curve.p) == 1

    def test_scalars_are_below_n(self):
        for curve in CURVES:
            self.assertEqual(curve.decode_scalar(bytes(32)), 0)
            for value in (curve.n, curve.n + 1, 2**256 - 1):
                with self.assertRaises(Malformed):
                    curve.decode_scalar(value.to_bytes(32, "big"))
            for size in (31, 33):
                with self.assertRaises(Malformed):
                    curve.decode_scalar(bytes(size))
            with self.assertRaises(Malformed):
                curve.decode_secret(bytes(32))


class Structures(unittest.TestCase):
    def setUp(self):
        self.city = city_of(P256)

    def refuses(self, parse, data):
        with self.assertRaises(Malformed, msg=data.hex()[:200]):
            parse(data)

    def test_sizes(self):
        city, authority = self.city, self.city.authority
        self.assertEqual(len(authority.data), 35_955 + len(NAME))
        self.assertEqual(len(city.card.data), 89)
        self.assertEqual(len(city.select()), 20)
        self.assertEqual(len(city.challenge(city.terms())), 204)
        self.assertEqual(len(city.present(city.card, city.terms())), 159)
        self.assertEqual(len(city.upload()), 129 + 65 + 4 * 209)
        self.assertEqual(len(city.bundle(b"")), 108 + 65)
        self.assertEqual(len(city.successor()), 88 + 65)

    def test_authority_parameters(self):
        data = self.city.authority.data
        self.assertEqual(Authority(data).id, sha256(data))
        self.assertEqual(Authority(data).name, NAME)
        changes = {0: 0, 4: 2, 5: 3, 6: 15, 7: 63, 8: 65, 11: 1, 17: 4, 50: 0, 51: ord("A"), 60: 5}
        for offset, value in changes.items():
            with self.subTest(offset=offset):
                self.refuses(Authority, data[:offset] + bytes([value]) + data[offset + 1:])
        self.refuses(Authority, data[:-1])
        self.refuses(Authority, data + b"\0")

    def test_identity_fields(self):
        identity = self.city.card.credential.identity
        self.assertEqual(Identity.parse(identity.encode()), identity)
        data = identity.encode()
        for offset, values in {0: (0, 2), 1: (0, 3), 2: (0, 4), 3: (0, 8, 15), 30: (1,), 38: (1,), 55: (1,)}.items():
            for value in values:
                with self.subTest(offset=offset, value=value):
                    self.refuses(Identity.parse, data[:offset] + bytes([value]) + data[offset + 1:])
        self.refuses(Identity.parse, replace(identity, not_after=identity.not_before).encode())
        self.refuses(Identity.parse, replace(identity, spend_limit=identity.budget + 1).encode())
        self.refuses(Credential.parse, data + b"\4" + bytes(32))
        self.refuses(Credential.parse, self.city.card.data[:-1])

    def test_terms_fields(self):
        good = self.city.terms()
        for terms in (good, replace(good, kind=ENTRY), replace(good, kind=EXIT, amount=0), replace(good, kind=REFUND),
                      replace(good, flags=SCREEN_CODE)):
            self.assertEqual(Terms.parse(terms.encode()), terms)
        changes = ({"kind": 0}, {"kind": 6}, {"sector": 0}, {"sector": 3}, {"sector": 8}, {"flags": 2}, {"amount": 0},
                   {"time": 1 << 40}, {"kind": EXIT}, {"kind": CREDIT}, {"kind": REFUND, "flags": SCREEN_CODE})
        for change in changes:
            with self.subTest(**change):
                self.refuses(Terms.parse, replace(good, **change).encode())

    def test_upload_bundle_and_successor(self):
        city, authority = self.city, self.city.authority
        for hinted in (False, True):
            upload = Upload.parse(city.upload(hinted))
            upload.verify(authority)
            upload.verify_records(authority)
            self.assertEqual(upload.usable_hints(city.curve), 8 * hinted)
        hintless = city.upload(True)[:-64] + bytes(64)
        self.assertEqual(Upload.parse(hintless).usable_hints(city.curve), 6)
        swapped = city.upload()[:194] + city.upload()[403:612] + city.upload()[194:403] + city.upload()[612:]
        self.refuses(Upload.parse, swapped)
        self.refuses(Upload.parse, city.upload() + bytes(64))
        self.refuses(Upload.parse, city.upload(True)[:-1])
        self.refuses(Upload.parse, upload_header(False, 1, city.gate.data, []) + city.upload()[129:194])
        section = b"\1\1\0\0\0\0\0\x20" + bytes(15) + b"\1" + bytes(15) + b"\2"
        bundle = Bundle.parse(city.bundle(section + b"\xc8\0\0\0\0\0\0\1x"))
        bundle.verify(authority)
        self.assertEqual([kind for kind, _, _ in bundle.sections], [1, 200])
        for body in (b"\xc8\1\0\0\0\0\0\0", b"\1\2\0\0\0\0\0\0", b"\1\0\1\0\0\0\0\0", b"\1\0\0\0\0\0\0\1",
                     section[:8] + section[24:] + section[8:24]):
            self.refuses(Bundle.parse, city.bundle(body))
        Successor.parse(city.successor()).verify(authority)
        self.refuses(Successor.parse, b"\1\3" + city.successor()[2:])
        with self.assertRaises(BadSignature):
            Successor.parse(city.successor()[:-1] + b"\0").verify(authority)


class Protocol(unittest.TestCase):
    @staticmethod
    def both():
        return [city_of(curve) for curve in CURVES]

    def test_digits_are_hex_digits_first_first(self):
        digits = identity_digits(bytes(32), bytes(56))
        self.assertEqual(bytes(digits).hex()[1::2], sha256(b"SYMBOLON-V1-INDEX", bytes(88)).hex())

    def test_issue_complete_and_archive(self):
        for city in self.both():
            curve, authority, card = city.curve, city.authority, city.card
            point = curve.decode(card.point)
            self.assertTrue(archive_binds(authority, card.credential, point, card.s))
            self.assertFalse(archive_binds(authority, card.credential, point, (card.s + 1) % curve.n))
            self.assertFalse(archive_binds(authority, card.credential, curve.generator, card.s))
            self.assertEqual(complete(authority, card.data[:56], card.data, card.u, card.s), card.d)
            with self.assertRaises(BadSignature):
                complete(authority, card.data[:56], card.data, card.u + 1, card.s)
            with self.assertRaises(BadSignature):
                complete(authority, city.gate.data[:56], card.data, card.u, card.s)
            self.assertEqual(city.pseudonym.vector["period"], 20_000)

    def test_possession_is_bound_to_offer_and_period(self):
        city = city_of(P256)
        card, pseudonym = city.card, city.pseudonym
        for holder, period in ((card, None), (pseudonym, 20_000)):
            nonce, possession = (bytes.fromhex(holder.vector[name]) for name in ("offer_nonce", "possession"))
            identity = holder.data[:56]
            verify_possession(city.authority, identity, nonce, period, holder.point, possession)
            for arguments in ((identity, bytes(32), period, holder.point), (identity, nonce, period, city.gate.point)):
                with self.assertRaises(BadSignature):
                    verify_possession(city.authority, *arguments, possession)
            with self.assertRaises(Refused):
                verify_possession(city.authority, identity, nonce, 1, holder.point, possession)
            with self.assertRaises(Malformed):
                verify_possession(city.authority, identity, nonce, period, b"\2" + b"\xff" * 32, possession)

    def test_sign_verify_and_maul(self):
        for city in self.both():
            curve, authority, card = city.curve, city.authority, city.card
            message = b"fifty bytes or any other number of them"
            signature = card.sign(TRANSACTION, message, "maul")
            self.assertEqual(signature, card.sign(TRANSACTION, message, "maul"))
            self.assertNotEqual(signature, card.sign(TRANSACTION, message, "another randomness"))
            verify(authority, card.signer, TRANSACTION, message, signature)
            z = int.from_bytes(signature[33:], "big")
            negated = bytes([signature[0] ^ 1]) + signature[1:]
            other_responses = (0, z ^ 1, curve.n - z, curve.n, curve.n + z)
            mauled = [signature[:33] + (value % 2**256).to_bytes(32, "big") for value in other_responses]
            for bad in [negated, b"\2" + b"\xff" * 64, *mauled]:
                with self.assertRaises(BadSignature, msg=bad.hex()):
                    verify(authority, card.signer, TRANSACTION, message, bad)
            for bad in (signature[:-1], signature + b"\0", b"\0" + signature[1:]):
                with self.assertRaises(Malformed):
                    verify(authority, card.signer, TRANSACTION, message, bad)
            with self.assertRaises(BadSignature):
                verify(authority, card.signer, TRANSACTION, message + b"\0", signature)
            with self.assertRaises(BadSignature):
                verify(authority, city.other_card.signer, TRANSACTION, message, signature)
            with self.assertRaises(BadSignature):
                verify(city_of(SUITES[3 - curve.suite]).authority, card.signer, TRANSACTION, message, signature)

    def test_table_of_purposes_and_signers(self):
        city = city_of(P256)
        signers = {
            "card": city.card.signer, "terminal": city.gate.signer, "pseudonym": city.pseudonym.signer,
            "own": Signer.institution(NAME), "metro": Signer.institution("metro"),
            "point": Signer.point(city.card.point), "rotation": Signer.rotation(),
        }
        allowed = {
            "card": {2, 8}, "terminal": {1, 3, 5, 8}, "pseudonym": {2}, "own": {4, 9, 10}, "metro": set(),
            "point": {POSSESSION}, "rotation": {SUCCESSOR},
        }
        for name, signer in signers.items():
            for purpose in range(13):
                if purpose in allowed[name]:
                    sign(city.authority, signer, 5, purpose, b"", bytes(32))
                else:
                    with self.subTest(name=name, purpose=purpose), self.assertRaises(BadSignature):
                        sign(city.authority, signer, 5, purpose, b"", bytes(32))

    def test_institution_receipt_and_acknowledgement(self):
        for city in self.both():
            answer = bytes(32) + bytes.fromhex("000100020003") + NOON.to_bytes(8, "big")
            signature = city.institution_sign(ACKNOWLEDGEMENT, answer, "answer")
            verify_acknowledgement(city.authority, answer, signature)
            with self.assertRaises(BadSignature):
                verify(city.authority, Signer.institution(NAME), BUNDLE, answer, signature)
            with self.assertRaises(BadSignature):
                verify_acknowledgement(city.authority, b"\1" + answer[1:], signature)
            receipt = bytes(32) + b"\3" + NOON.to_bytes(8, "big")
            verify_receipt(city.authority, receipt, city.gate.data, city.gate.sign(RECEIPT, receipt, "receipt"))
            with self.assertRaises(Malformed):
                verify_receipt(city.authority, receipt[:32] + b"\4" + receipt[33:], city.gate.data, signature)
        request = sha256(b"\3Get", bytes(7) + b"\1", bytes(16), b"x")
        self.assertEqual(request_message("Get", 1, bytes(16), b"x"), request)


class Verdicts(unittest.TestCase):
    def setUp(self):
        self.city = city_of(SECP256K1)
        self.terms = self.city.terms()

    def expect(self, reason, presentation=None, challenge=None, select=None, now=NOON, holder=None, terms=None):
        city, terms = self.city, terms or self.terms
        if presentation is None:
            presentation = city.present(holder or city.card, terms)
        verdict = decide(city.authority, select or city.select(), challenge or city.challenge(terms), presentation, now)
        self.assertEqual((verdict.accepted, verdict.reason), (reason is None, reason), verdict.why)

    def test_accepted(self):
        self.expect(None)
        self.expect(None, holder=self.city.pseudonym)
        self.expect(None, terms=self.city.terms(kind=ENTRY, amount=500))
        self.expect(None, terms=self.city.terms(kind=EXIT, amount=0))
        self.expect(None, terms=self.city.terms(kind=REFUND, amount=501))
        for now in (NOON - 5, NOON + 60):
            self.expect(None, now=now)

    def test_declined_by_the_holder_s_credential(self):
        city, card = self.city, self.city.card
        identity = card.credential.identity
        self.expect("wrong_class", presentation=b"\1" + bytes(4) + city.gate.data + bytes([2]) + bytes(64))
        self.expect("wrong_sector", holder=city.power_card)
        self.expect("wrong_currency", holder=Holder(city, "euro", replace(identity, currency=978)))
        self.expect("wrong_tariff", select=city.select(tariff=3))
        self.expect("not_yet_valid", holder=city.future_card)
        self.expect("expired", holder=city.expired_card)
        self.expect("over_limit", terms=city.terms(amount=501))
        self.expect("over_limit", terms=city.terms(kind=ENTRY, amount=501))
        good = city.present(card, self.terms)
        self.expect("wrong_suite", presentation=good[:6] + b"\1" + good[7:])
        self.expect("malformed", presentation=good[:6] + b"\3" + good[7:])
        self.expect("wrong_authority", presentation=good[:9] + bytes(8) + good[17:])

    def test_declined_by_the_presentation(self):
        city, card = self.city, self.city.card
        good = city.present(card, self.terms)
        for bad in (b"", good[:-1], good + b"\0", b"\2" + good[1:]):
            self.expect("malformed", presentation=bad)
        self.expect("bad_signature", presentation=good[:-1] + bytes([good[-1] ^ 1]))
        self.expect("bad_signature", presentation=good[:127] + city.curve.n.to_bytes(32, "big"))
        self.expect("bad_signature", presentation=good[:62] + b"\xff" * 32 + good[94:])
        self.expect("bad_signature", presentation=good[:4] + b"\2" + good[5:])
        self.expect("bad_signature", presentation=city.present(card, city.terms(amount=1)))
        self.expect("bad_signature", presentation=city.present(card, self.terms, 1, bytes(32)))

    def test_declined_before_the_presentation_counts(self):
        city = self.city
        self.expect("timed_out", now=NOON - 6)
        self.expect("timed_out", now=NOON + 61)
        select = city.select()
        self.expect("malformed", select=select[:-1])
        self.expect("wrong_suite", select=b"\1\1" + select[2:])
        self.expect("wrong_authority", select=select[:4] + bytes(8) + select[12:])
        self.expect("no_challenge", select=select[:12] + bytes(8))
        challenge = city.challenge(self.terms)
        self.expect("no_challenge", challenge=challenge[:-1] + bytes([challenge[-1] ^ 1]))
        self.expect("no_challenge", challenge=challenge[:-1])
        self.expect("no_challenge", terms=city.terms(sector=WATER))
        self.expect("no_challenge", terms=city.terms(flags=SCREEN_CODE))
        meter = city.meter
        self.expect("no_challenge", challenge=city.challenge(self.terms, meter))


class Misuse(unittest.TestCase):
    def test_findings(self):
        city = city_of(P256)
        card, other_card, terms, large = city.card, city.other_card, city.terms(), city.terms(amount=400)

        def finding(*items):
            return judge(city.authority, items)

        first = city.item(card, terms)
        self.assertEqual(finding(first, city.item(card, large)), DOUBLE_USE)
        self.assertEqual(finding(first, first), NOTHING)
        self.assertEqual(finding(first, city.item(card, terms, 2)), NOTHING)
        self.assertEqual(finding(first, city.item(other_card, large)), NOTHING)
        bad = city.item(card, large)
        self.assertEqual(finding(first, bad[:-1] + bytes([bad[-1] ^ 1])), NOTHING)
        # The budget is 800: what fills it exactly is honest, one unit more is not.
        self.assertEqual(finding(city.item(card, large), city.item(card, large, 2)), NOTHING)
        more = city.item(card, city.terms(kind=ENTRY, amount=401), 2)
        self.assertEqual(finding(city.item(card, large), more), OVERSPEND)
        refund = city.item(card, city.terms(kind=REFUND, amount=401), 2)
        self.assertEqual(finding(city.item(card, large), refund), NOTHING)
        three = city.item(card, large), city.item(card, terms, 2), city.item(card, terms, 3)
        self.assertEqual(finding(*three), OVERSPEND)
        self.assertEqual(finding(*three[:2], three[1]), NOTHING)
        with self.assertRaises(Malformed):
            finding(first, first[:50] + bytes(32) + first[82:])


if __name__ == "__main__":
    unittest.main()
