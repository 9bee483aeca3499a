"""A city in small, made by the reference itself: what its tests stand on, in the form of a vector file.

Two taps of the same code prove little about the scheme, but they do prove that the checker accepts what is right, and
its tests then change every field and see it refused.
"""

from dataclasses import replace

from symbolon_reference.credential import CARD, POWER, PSEUDONYM, TERMINAL, TRANSPORT, WATER, Credential, Identity
from symbolon_reference.batch import batch_coefficients
from symbolon_reference.credential import credential_scalar, public_key, terminal_subject
from symbolon_reference.hashing import hash_to_scalar, sha256
from symbolon_reference.issuing import complete, issue, issuing_nonce, possession_message
from symbolon_reference.misuse import judge
from symbolon_reference.parameters import Authority, AuthoritySecret, identity_index
from symbolon_reference.signature import ACKNOWLEDGEMENT, BUNDLE, CHALLENGE, POSSESSION, RECEIPT, REQUEST, SUCCESSOR
from symbolon_reference.signature import TRANSACTION, UPLOAD, VOUCHER, Signer, sign
from symbolon_reference.tap import CREDIT, ENTRY, EXIT, PURCHASE, SCREEN_CODE, Select, Terms, transaction_message
from symbolon_reference.tap import Upload, upload_header
from symbolon_reference.terminal import decide
from symbolon_reference.trust import bundle_header, successor_message

NOON = 1_800_000_000
NAME = "riverside"
ALL = WATER | POWER | TRANSPORT


def random_bytes(*label):
    """32 bytes that are the same in every run."""
    return sha256("/".join(map(str, label)).encode())


class Holder:
    """A credential with its secret key, and the vector of how it came to be."""

    def __init__(self, city, label, identity, period=None):
        curve, authority = city.curve, city.authority
        self.city = city
        identity_data = identity.encode()
        u = hash_to_scalar(curve, "TEST-HOLDER", label.encode())
        point = curve.encode(curve.multiply_base(u))
        nonce = random_bytes(label, "offer")
        message = possession_message(identity_data, nonce, period)
        possession = sign(authority, Signer.point(point), u, POSSESSION, message, random_bytes(label, "possession"))
        k = issuing_nonce(authority, b"issuer secret", random_bytes(label, "k"), identity_data, point)
        self.data, s = issue(authority, city.secret, k, identity_data, point)
        self.d = complete(authority, identity_data, self.data, u, s)
        self.credential = Credential.parse(self.data)
        self.signer = Signer.credential(self.data)
        self.point, self.u, self.s = point, u, s
        scalars = {"u": u, "k": k, "s": s, "d": self.d, "e": credential_scalar(authority, self.data)}
        points = {"D": authority.matrix_point(identity_data), "Q": public_key(authority, self.credential)}
        self.vector = {
            "identity": identity_data.hex(),
            "offer_nonce": nonce.hex(),
            "U": point.hex(),
            "possession": possession.hex(),
            "credential": self.data.hex(),
            "digits": identity_index(authority.id, identity_data).hex(),
            **{name: curve.encode_scalar(value).hex() for name, value in scalars.items()},
            **{name: curve.encode(value).hex() for name, value in points.items()},
        }
        if period is not None:
            self.vector["period"] = period

    def sign(self, purpose, message, label):
        return sign(self.city.authority, self.signer, self.d, purpose, message, random_bytes(label))


class City:
    """An authority with eight holders, and the messages between them."""

    def __init__(self, curve):
        self.curve = curve
        self.seed = b"reference seed"
        self.secret = AuthoritySecret.from_test_seed(curve, self.seed)
        self.authority = Authority(self.secret.parameters(NOON - 86_400, NAME))
        card = Identity(
            curve.suite, CARD, TRANSPORT | WATER, self.authority.prefix, random_bytes("card")[:16],
            NOON - 1000, NOON + 1000, 500, 800, 156, 2,
        )
        gate = replace(
            card, holder_class=TERMINAL, sectors=TRANSPORT, subject=terminal_subject("metro", bytes(8)), tariff=0
        )
        night = replace(card, holder_class=PSEUDONYM, sectors=ALL, subject=random_bytes("linkage")[:16])
        self.card = Holder(self, "card", card)
        self.other_card = Holder(self, "other card", replace(card, subject=random_bytes("other")[:16]))
        self.expired_card = Holder(self, "expired", replace(card, not_before=0, not_after=NOON))
        self.future_card = Holder(self, "future", replace(card, not_before=NOON + 1, not_after=(1 << 40) - 1))
        self.power_card = Holder(self, "power", replace(card, sectors=POWER, tariff=255, spend_limit=0, budget=0))
        self.gate = Holder(self, "gate", gate)
        self.meter = Holder(self, "meter", replace(gate, sectors=POWER | WATER, currency=978))
        self.pseudonym = Holder(self, "pseudonym", night, period=20_000)
        self.holders = [value for value in vars(self).values() if isinstance(value, Holder)]

    def select(self, tariff=2):
        return Select(self.curve.suite, tariff, self.authority.prefix, random_bytes("holder nonce")[:8]).encode()

    def terms(self, **changes):
        nonce = random_bytes("holder nonce")[:8] + random_bytes("terminal nonce")[:8]
        return replace(Terms(PURCHASE, TRANSPORT, 0, nonce, NOON, 250, 156, bytes(16)), **changes)

    def challenge(self, terms, terminal=None):
        terminal = terminal or self.gate
        data = terms.encode()
        return data + terminal.data + terminal.sign(CHALLENGE, data, "challenge")

    def present(self, holder, terms, counter=1, terminal_digest=None):
        digest = self.gate.credential.digest if terminal_digest is None else terminal_digest
        signature = holder.sign(TRANSACTION, transaction_message(terms.encode(), digest, counter), f"tap {counter}")
        return b"\1" + counter.to_bytes(4, "big") + holder.data + signature

    def item(self, holder, terms, counter=1):
        return terms.encode() + self.gate.credential.digest + self.present(holder, terms, counter)

    def upload(self, hinted=False):
        records = [self.terms(time=NOON + n).encode() + self.present(self.card, self.terms(time=NOON + n), n)
                   for n in range(3)]
        code = self.terms(flags=SCREEN_CODE, reference=sha256(b"metro")[:16])
        records.append(code.encode() + self.present(self.pseudonym, code, 7, bytes(32)))
        header = upload_header(hinted, 9, self.gate.data, records)
        hints = b"".join(self.y_of(record[111:144]) + self.y_of(record[144:177]) for record in records if hinted)
        return header + self.gate.sign(UPLOAD, header, "upload") + b"".join(records) + hints

    def upload_vector(self, hinted):
        upload = self.upload(hinted)
        coefficients = batch_coefficients(self.authority, bytes(32), Upload.parse(upload).claims())
        return {
            "upload": upload.hex(),
            "batch_secret": bytes(32).hex(),
            "coefficients": [coefficient.hex() for coefficient in coefficients],
        }

    def y_of(self, compressed):
        return self.curve.decode(compressed)[1].to_bytes(32, "big")

    def institution_sign(self, purpose, message, label):
        secret = self.secret.institution_secret(self.authority.id, NAME)
        return sign(self.authority, Signer.institution(NAME), secret, purpose, message, random_bytes(label))

    def bundle(self, body):
        times = (NOON, NOON + 86_400, 0)
        header = bundle_header(self.authority, ALL, 1, *times, 0, 1, body)
        return header + self.institution_sign(BUNDLE, header, "bundle") + body

    def successor(self):
        message = successor_message(self.curve.suite, self.authority.id, random_bytes("next"), NOON, NOON + 1)
        random = random_bytes("successor")
        return message + sign(self.authority, Signer.rotation(), self.secret.rotation, SUCCESSOR, message, random)

    # ---- as a vector file ---------------------------------------------------------------------------------------

    def document(self):
        return {
            "suite": self.curve.name,
            "authority": {
                "seed": self.seed.hex(),
                "name": NAME,
                "created": self.authority.created,
                "parameters": self.authority.data.hex(),
                "authority_id": self.authority.id.hex(),
            },
            "credentials": [holder.vector for holder in self.holders],
            "institutions": [self.institution_vector(name) for name in (NAME, "metro", "clearing.house-2")],
            "signatures": list(self.signature_vectors()),
            "taps": list(self.tap_vectors()),
            "uploads": [self.upload_vector(hinted) for hinted in (False, True)],
            "misuse": [self.misuse_vector(first, second) for first, second in self.misuse_pairs()],
        }

    def institution_vector(self, name):
        d = self.secret.institution_secret(self.authority.id, name)
        key = self.authority.institution_key(name)
        return {"name": name, "d": self.curve.encode_scalar(d).hex(), "Q": self.curve.encode(key).hex()}

    def signature_vectors(self):
        by_holder = [
            (self.gate, CHALLENGE), (self.card, TRANSACTION), (self.pseudonym, TRANSACTION), (self.gate, UPLOAD),
            (self.gate, RECEIPT), (self.card, REQUEST), (self.meter, REQUEST), (self.meter, CHALLENGE),
        ]
        institution = Signer.institution(NAME), self.secret.institution_secret(self.authority.id, NAME)
        rows = [({"credential": h.data.hex()}, h.signer, h.d, purpose) for h, purpose in by_holder]
        rows += [({"institution": NAME}, *institution, purpose) for purpose in (BUNDLE, ACKNOWLEDGEMENT, VOUCHER)]
        rows += [({"point": h.point.hex()}, Signer.point(h.point), h.u, POSSESSION) for h in (self.card, self.gate)]
        rows.append(({"rotation": True}, Signer.rotation(), self.secret.rotation, SUCCESSOR))
        for number, (fields, signer, secret, purpose) in enumerate(rows):
            message, random = random_bytes("message", number), random_bytes("signature", number)
            signature = sign(self.authority, signer, secret, purpose, message, random)
            yield {
                **fields, "purpose": purpose, "message": message.hex(), "random": random.hex(),
                "signature": signature.hex(),
            }

    def tap_vectors(self):
        terms = self.terms()
        taps = [(self.card, terms), (self.pseudonym, terms), (self.card, self.terms(kind=ENTRY, amount=500)),
                (self.card, self.terms(kind=EXIT, amount=0)), (self.card, self.terms(amount=501)),
                (self.expired_card, terms), (self.future_card, terms), (self.power_card, terms),
                (self.card, self.terms(kind=CREDIT, amount=0))]
        for holder, terms in taps:
            yield self.tap_vector(self.select(), self.challenge(terms), self.present(holder, terms), NOON)
        yield self.tap_vector(self.select(), self.challenge(taps[0][1]), self.present(*taps[0]), NOON + 61)

    def tap_vector(self, select, challenge, presentation, now):
        verdict = decide(self.authority, select, challenge, presentation, now)
        return {
            "select": select.hex(), "challenge": challenge.hex(), "presentation": presentation.hex(), "now": now,
            "accepted": verdict.accepted, "reason": verdict.reason,
        }

    def misuse_pairs(self):
        terms, large = self.terms(), self.terms(amount=500)
        yield self.item(self.card, terms), self.item(self.card, self.terms(time=NOON + 1))
        yield self.item(self.card, large), self.item(self.card, large, counter=2)
        yield self.item(self.card, terms), self.item(self.card, terms)
        yield self.item(self.card, terms), self.item(self.other_card, self.terms(time=NOON + 1))

    def misuse_vector(self, first, second):
        return {"first": first.hex(), "second": second.hex(), "proves": judge(self.authority, (first, second))}
