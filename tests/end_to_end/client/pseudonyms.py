"""A card without a name: pseudonyms asked for by the second implementation, from proto/ alone, and paid with."""

import secrets
import time

import grpc
from symbolon_reference import issuing, linkage, pseudonyms, signature, tap

import cards
import holder

SERVICE = "/symbolon.v1.PseudonymService/"
COUNT = 2
PATIENCE_SECONDS = 60


def card_with_money(api, issuer, enrolments, ledger, authority, **changes):
    """A card at the full fare, and its account."""
    made = cards.create(api, issuer, **changes)
    enrolment = holder.Enrolment(api, enrolments, authority, made.activation_code)
    card = enrolment.finish(enrolment.ask())
    top_up = api.TopUpAccountRequest(name=made.card.account, amount=50_000, request_id=cards.request_id())
    ledger.TopUpAccount(top_up)
    return card, made.card.account


def signed_request(api, card, method, body):
    """A request that the card's key has signed."""
    now, request_id = int(time.time()), secrets.token_bytes(16)
    message = signature.request_message(SERVICE + method, now, request_id, body)
    return api.SignedRequest(
        credential=card.credential.data,
        time_seconds=now,
        request_id=request_id,
        body=body,
        signature=card.sign(signature.REQUEST, message),
    )


class Asking:
    """One pseudonym that is asked for: what the wallet draws, and what it sends."""

    def __init__(self, authority, issuance, period, challenge, j):
        curve = authority.curve
        self.u = 1 + secrets.randbelow(curve.n - 1)
        point = curve.encode(curve.multiply_base(self.u))
        item = pseudonyms.item_challenge(challenge, j)
        message = bytes([3]) + period.to_bytes(4, "big") + item
        signer = signature.Signer.point(point)
        possession = signature.sign(
            authority, signer, self.u, signature.POSSESSION, message, secrets.token_bytes(32)
        )
        salt, self.response_key = secrets.token_bytes(32), secrets.token_bytes(16)
        content = pseudonyms.Content(curve.suite, period, point, possession, salt, self.response_key)
        self.commitment = pseudonyms.commitment_to(point, salt)
        self.sealed = pseudonyms.seal_item(
            authority, item, issuance.issuer_key, content, secrets.token_bytes(32)
        )

    def finish(self, authority, issuance, profile, period, sealed):
        """Opens and checks the answer; who holds the pseudonym."""
        credential, s = pseudonyms.open_answer(self.response_key, self.commitment, sealed)
        pseudonyms.check_answer(authority, issuance, profile, period, self.u, credential, s)
        contribution = authority.curve.decode_scalar(s)
        secret = issuing.complete(authority, credential[:56], credential, self.u, contribution)
        return holder.Holder(authority, credential, secret)


def profile_of(issuance, card):
    """The number of the published shape that this card's pseudonyms have."""
    identity = card.credential.identity
    fitting = [
        profile
        for profile in issuance.profiles
        if profile.tariff == identity.tariff
        and profile.currency == identity.currency
        and profile.sectors & ~identity.sectors == 0
    ]
    return max(fitting, key=lambda profile: bin(profile.sectors).count("1")).number


def until_ready(api, service, request):
    """Sends the same request until it is answered."""
    began = time.monotonic()
    while True:
        answer = service.RequestPseudonyms(request)
        if answer.state == api.PSEUDONYM_REQUEST_STATE_READY:
            return answer
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise TimeoutError("the request is not answered")
        time.sleep(0.1)


def check_asking(checks, api, service, authority, card):
    """From the published parameters to pseudonyms with keys."""
    issuance = pseudonyms.Issuance.parse(service.GetIssuance(api.GetIssuanceRequest()).issuance)
    checks.that("a card may have some pseudonyms a period", issuance.per_period >= COUNT, issuance.per_period)
    given = service.GetChallenge(api.GetChallengeRequest(signed_request=signed_request(api, card, "GetChallenge", b"")))
    checks.that("a challenge has 32 bytes and an end", len(given.challenge) == 32 and given.HasField("expire_time"))
    period = linkage.period_at(int(time.time()), issuance.boundary)
    asking = [Asking(authority, issuance, period, given.challenge, j) for j in range(COUNT)]
    body = pseudonyms.encode_request(period, given.challenge, [(one.commitment, one.sealed) for one in asking])
    request = api.RequestPseudonymsRequest(signed_request=signed_request(api, card, "RequestPseudonyms", body))
    answer = until_ready(api, service, request)
    checks.equal("every item is answered", [one.refusal for one in answer.answers], [0] * COUNT)
    profile = profile_of(issuance, card)
    holders = [
        one.finish(authority, issuance, profile, period, answered.sealed)
        for one, answered in zip(asking, answer.answers)
    ]
    checks.that("each is a pseudonym of its own", len({one.credential.identity.subject for one in holders}) == COUNT)
    checks.equal("the same request gets the same answer", service.RequestPseudonyms(request), answer)
    reused = api.RequestPseudonymsRequest(signed_request=signed_request(api, card, "RequestPseudonyms", body))
    checks.refused(
        "another request under a used challenge",
        lambda: service.RequestPseudonyms(reused),
        grpc.StatusCode.FAILED_PRECONDITION,
        "CHALLENGE_UNKNOWN",
    )
    elsewhere = api.GetChallengeRequest(signed_request=signed_request(api, card, "GetPrivacy", b""))
    checks.refused(
        "a request signed for another method",
        lambda: service.GetChallenge(elsewhere),
        grpc.StatusCode.UNAUTHENTICATED,
        "BAD_SIGNATURE",
    )
    checks.refused(
        "a request that nobody signed",
        lambda: service.GetPrivacy(api.GetPrivacyRequest()),
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELD",
        field="signed_request",
    )
    view = service.GetPrivacy(api.GetPrivacyRequest(signed_request=signed_request(api, card, "GetPrivacy", b"")))
    checks.equal("the holder sees how many", [use.issued_count for use in view.uses], [COUNT])
    checks.equal("and that one process runs every role", len(view.roles_together), 6)
    return holders


def check_paying(checks, api, exchange, ledger, account, terminal, number, holders):
    """Taps without a name are settled, and charged to the card's account all together."""
    before = ledger.GetAccount(api.GetAccountRequest(name=account)).account.balance
    records = [holder.record(one, terminal, tap.TRANSPORT, amount) for one, amount in zip(holders, (70, 80))]
    uploaded = api.UploadRequest(upload=holder.upload(terminal, number, records))
    [answer] = list(exchange.Upload(iter([uploaded])))
    checks.equal("anonymous taps settle", [one.outcome for one in answer.outcomes], [api.OUTCOME_SETTLED] * COUNT)
    began, balance = time.monotonic(), before
    while balance != before - 150 and time.monotonic() - began < PATIENCE_SECONDS:
        time.sleep(0.1)
        balance = ledger.GetAccount(api.GetAccountRequest(name=account)).account.balance
    checks.equal("the account pays for both", balance, before - 150)
