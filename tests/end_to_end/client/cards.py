"""An issuer's work: cards through all their states, retries, paging, and every field that can be wrong."""

import uuid

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

import holder

INVALID = grpc.StatusCode.INVALID_ARGUMENT
STATE = grpc.StatusCode.FAILED_PRECONDITION


def request_id():
    return str(uuid.uuid4())


def card_of(api, **changes):
    fields = {
        "sectors": [api.SECTOR_WATER, api.SECTOR_TRANSPORT],
        "spend_limit": 2_000,
        "budget": 50_000,
        "currency": 156,
    }
    return api.Card(**{**fields, **changes})


def create(api, service, **changes):
    return service.CreateCard(api.CreateCardRequest(card=card_of(api, **changes), request_id=request_id()))


def check_creating(checks, api, service):
    """Creating a card, and what a retry gets."""
    asked = api.CreateCardRequest(card=card_of(api, tariff=3), request_id=request_id())
    made = service.CreateCard(asked)
    checks.that("a card's name is cards/ and 32 hex digits", len(made.card.name) == 38, made.card.name)
    checks.equal("a new card is pending", made.card.state, api.CARD_STATE_PENDING)
    checks.equal(
        "its terms are those asked for", (made.card.spend_limit, made.card.budget, made.card.tariff), (2_000, 50_000, 3)
    )
    checks.equal("its issuer is the caller", made.card.issuer, "issuers/bank")
    checks.that("it has an account", made.card.account.startswith("accounts/"), made.card.account)
    checks.that(
        "it has an activation code that expires", made.activation_code and made.HasField("activation_expire_time")
    )
    checks.equal("a retry gets the same answer, byte for byte", service.CreateCard(asked), made)
    got = service.GetCard(api.GetCardRequest(name=made.card.name)).card
    checks.equal("getting it gives the same card", got, made.card)

    other = api.CreateCardRequest(card=card_of(api, tariff=4), request_id=asked.request_id)
    checks.refused(
        "another request under the same request_id",
        lambda: service.CreateCard(other),
        grpc.StatusCode.ALREADY_EXISTS,
        "REQUEST_ID_REUSED",
    )
    return made


def check_fields(checks, api, service):
    """Each field that can be wrong is named."""

    def refused(claim, field, request):
        checks.refused(claim, lambda: service.CreateCard(request), INVALID, "INVALID_FIELD", field=field)

    def with_card(**changes):
        return api.CreateCardRequest(card=card_of(api, **changes), request_id=request_id())

    refused("no card", "card", api.CreateCardRequest(request_id=request_id()))
    refused("no request_id", "request_id", api.CreateCardRequest(card=card_of(api)))
    refused("a request_id that is no UUID", "request_id", api.CreateCardRequest(card=card_of(api), request_id="7"))
    refused("no sector", "card.sectors", with_card(sectors=[]))
    refused("an unknown sector", "card.sectors", with_card(sectors=[3]))
    refused("no currency", "card.currency", with_card(currency=0))
    refused("a currency above 999", "card.currency", with_card(currency=1_000))
    refused("a tariff above 255", "card.tariff", with_card(tariff=256))
    refused("a limit above the budget", "card.spend_limit", with_card(spend_limit=50_001))
    refused(
        "a fraction of a second",
        "card.not_before_time",
        with_card(not_before_time=Timestamp(seconds=1_700_000_000, nanos=1)),
    )
    refused("a key of a wrong length", "card.holder_key", with_card(holder_key=b"\2" * 32))
    refused("an account that is none", "card.account", with_card(account="accounts/"))
    checks.refused(
        "a name that is none",
        lambda: service.GetCard(api.GetCardRequest(name="cards/1")),
        INVALID,
        "INVALID_FIELD",
        field="name",
    )
    checks.refused(
        "a card that is not there",
        lambda: service.GetCard(api.GetCardRequest(name="cards/" + "0" * 32)),
        grpc.StatusCode.NOT_FOUND,
        "NOT_FOUND",
    )


def check_states(checks, api, service, enrolments, authority, made):
    """A card's way from pending to replaced. Gives the active card's holder."""
    name = made.card.name

    def ask(method, message):
        return getattr(service, method)(message(name=name, request_id=request_id()))

    checks.refused(
        "suspending a pending card",
        lambda: ask("SuspendCard", api.SuspendCardRequest),
        STATE,
        "INVALID_STATE_TRANSITION",
    )
    enrolment = holder.Enrolment(api, enrolments, authority, made.activation_code)
    checks.equal("the offer names the authority", enrolment.authority_id, authority.id)
    again = enrolments.BeginEnrolment(
        api.BeginEnrolmentRequest(activation_code=made.activation_code.lower().replace("-", ""))
    )
    checks.equal("the code in another writing gives the same offer", again.offer, enrolment.offer)
    answer = enrolment.ask()
    card = enrolment.finish(answer)
    checks.that("the credential checks out by the second implementation", card.credential.data == answer.credential)
    checks.equal("asking again with the same U gives the same answer", enrolment.ask(), answer)
    checks.refused(
        "another U",
        lambda: enrolment.ask(u=12_345),
        grpc.StatusCode.ALREADY_EXISTS,
        "IDENTITY_ALREADY_ISSUED",
    )
    checks.refused(
        "the code a second time",
        lambda: enrolments.BeginEnrolment(api.BeginEnrolmentRequest(activation_code=made.activation_code)),
        STATE,
        "ACTIVATION_CODE_USED",
    )
    got = service.GetCard(api.GetCardRequest(name=name)).card
    checks.equal("the card is active", got.state, api.CARD_STATE_ACTIVE)
    checks.equal("and has the credential", got.credential, answer.credential)
    return card


def check_suspending(checks, api, service, revoked_subjects, name):
    """Suspended, resumed, revoked; the trust bundle follows."""
    subject = bytes.fromhex(name.removeprefix("cards/"))
    asked = api.SuspendCardRequest(name=name, request_id=request_id())
    suspended = service.SuspendCard(asked)
    checks.equal("the card is suspended", suspended.card.state, api.CARD_STATE_SUSPENDED)
    checks.that("it is in the next trust bundle", subject in revoked_subjects())
    checks.refused(
        "suspending it twice",
        lambda: service.SuspendCard(api.SuspendCardRequest(name=name, request_id=request_id())),
        STATE,
        "INVALID_STATE_TRANSITION",
    )
    resumed = service.ResumeCard(api.ResumeCardRequest(name=name, request_id=request_id()))
    checks.equal("the card is active again", resumed.card.state, api.CARD_STATE_ACTIVE)
    checks.that("it is no longer in the trust bundle", subject not in revoked_subjects())
    checks.equal("a late retry of suspending gets its old answer", service.SuspendCard(asked), suspended)
    state = service.GetCard(api.GetCardRequest(name=name)).card.state
    checks.equal("and suspends nothing", state, api.CARD_STATE_ACTIVE)


def check_ending(checks, api, service, enrolled, pending):
    """Replaced and revoked, both for good."""
    replaced = service.ReplaceCard(api.ReplaceCardRequest(name=enrolled, request_id=request_id()))
    former = service.GetCard(api.GetCardRequest(name=enrolled)).card
    checks.equal("the former card is replaced", former.state, api.CARD_STATE_REPLACED)
    checks.equal("it names the new one", former.replaced_by, replaced.card.name)
    checks.equal("the new one names it", replaced.card.replaces, enrolled)
    checks.equal("the new one is pending", replaced.card.state, api.CARD_STATE_PENDING)
    checks.equal("on the same account", replaced.card.account, former.account)
    checks.that("with a code of its own", bool(replaced.activation_code))
    revoked = service.RevokeCard(api.RevokeCardRequest(name=pending, request_id=request_id()))
    checks.equal("a pending card can be revoked", revoked.card.state, api.CARD_STATE_REVOKED)
    for name, state in ((enrolled, "replaced"), (pending, "revoked")):
        checks.refused(
            f"resuming a {state} card",
            lambda name=name: service.ResumeCard(api.ResumeCardRequest(name=name, request_id=request_id())),
            STATE,
            "INVALID_STATE_TRANSITION",
        )


def check_paging(checks, api, service, stranger, terminals):
    """Pages follow each other without a gap, and only the service's own tokens are taken."""
    names = [create(api, service).card.name for _ in range(5)]
    found, token, pages = [], "", 0
    while pages == 0 or token:
        page = service.ListCards(api.ListCardsRequest(page_size=2, page_token=token))
        checks.that("a page has at most what was asked for", len(page.cards) <= 2, len(page.cards))
        found += [card.name for card in page.cards]
        token, pages = page.next_page_token, pages + 1
    checks.equal("paging gives every card once", len(found), len(set(found)))
    checks.equal("the newest come last, in their order", found[-5:], names)
    whole = [card.name for card in service.ListCards(api.ListCardsRequest()).cards]
    checks.equal("one large page has the same cards", whole, found)

    first = service.ListCards(api.ListCardsRequest(page_size=2)).next_page_token
    for claim, call in (
        ("a made-up page token", lambda: service.ListCards(api.ListCardsRequest(page_token="next"))),
        ("a changed page token", lambda: service.ListCards(api.ListCardsRequest(page_token="1" + first[1:]))),
        ("another issuer's page token", lambda: stranger.ListCards(api.ListCardsRequest(page_token=first))),
        ("another list's page token", lambda: terminals.ListTerminals(api.ListTerminalsRequest(page_token=first))),
    ):
        checks.refused(claim, call, INVALID, "INVALID_PAGE_TOKEN", field="page_token")
    checks.refused(
        "a negative page size",
        lambda: service.ListCards(api.ListCardsRequest(page_size=-1)),
        INVALID,
        "INVALID_FIELD",
        field="page_size",
    )
    checks.equal("another issuer has no card", list(stranger.ListCards(api.ListCardsRequest()).cards), [])
    checks.refused(
        "another issuer's card",
        lambda: stranger.GetCard(api.GetCardRequest(name=names[0])),
        grpc.StatusCode.NOT_FOUND,
        "NOT_FOUND",
    )
    checks.refused(
        "revoking another issuer's card",
        lambda: stranger.RevokeCard(api.RevokeCardRequest(name=names[0], request_id=request_id())),
        grpc.StatusCode.NOT_FOUND,
        "NOT_FOUND",
    )
