"""Cards and terminals with keys of their own, by the second implementation of the scheme."""

import secrets
import time

from symbolon_reference import issuing, signature, tap
from symbolon_reference.credential import Credential


class Holder:
    """A card or a terminal with its credential and secret key."""

    def __init__(self, authority, credential, secret):
        self.authority = authority
        self.credential = Credential.parse(credential)
        self._secret = secret
        self.counter = 0

    def sign(self, purpose, message):
        signer = signature.Signer.credential(self.credential.data)
        return signature.sign(self.authority, signer, self._secret, purpose, message, secrets.token_bytes(32))


class Enrolment:
    """An enrolment under way: an offer taken, and U drawn for it."""

    def __init__(self, api, enrolments, authority, code):
        self._api, self._enrolments, self._authority = api, enrolments, authority
        answer = enrolments.BeginEnrolment(api.BeginEnrolmentRequest(activation_code=code))
        self.offer = answer.offer
        self.authority_id = answer.authority_id
        self._offered = answer.offer[:56]
        self._nonce = answer.offer[56:]
        self._u = 1 + secrets.randbelow(authority.curve.n - 1)

    def request(self, u=None):
        """The request for the credential, over U or over another point."""
        authority, u = self._authority, u or self._u
        point = authority.curve.encode(authority.curve.multiply_base(u))
        message = issuing.possession_message(self._offered, self._nonce)
        # U signs for itself; the reference takes u as the secret key of that signer.
        possession = signature.sign(
            authority, signature.Signer.point(point), u, signature.POSSESSION, message, secrets.token_bytes(32)
        )
        return self._api.CompleteEnrolmentRequest(offer_nonce=self._nonce, enrolment_point=point, possession=possession)

    def ask(self, u=None):
        return self._enrolments.CompleteEnrolment(self.request(u))

    def finish(self, answer):
        """Checks the answer as a holder does and combines its key."""
        s = self._authority.curve.decode_scalar(answer.contribution)
        secret = issuing.complete(self._authority, self._offered, answer.credential, self._u, s)
        return Holder(self._authority, answer.credential, secret)


def record(card, terminal, sector, amount, kind=tap.PURCHASE, counter=None, reference=b"python".ljust(16, b"\0")):
    """A tap of `card` at `terminal`, as the terminal keeps it: 209 bytes."""
    terms = tap.Terms(
        kind=kind,
        sector=sector,
        flags=0,
        nonce=secrets.token_bytes(16),
        time=int(time.time()),
        amount=amount,
        currency=card.credential.identity.currency,
        reference=reference,
    ).encode()
    if counter is None:
        card.counter += 1
        counter = card.counter
    message = tap.transaction_message(terms, terminal.credential.digest, counter)
    signed = card.sign(signature.TRANSACTION, message)
    return terms + bytes([1]) + counter.to_bytes(4, "big") + card.credential.data + signed


def upload(terminal, number, records):
    """A signed upload of these records."""
    header = tap.upload_header(False, number, terminal.credential.data, records)
    return header + terminal.sign(signature.UPLOAD, header) + b"".join(records)
