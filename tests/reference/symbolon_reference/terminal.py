"""The verdict of a fresh terminal, without a bundle, for which just this challenge is outstanding."""

from dataclasses import dataclass

from .credential import CARD, PSEUDONYM
from .tap import TERMS_SIZE, Challenge, Presentation, Select, check_holder_limits, check_holder_terms
from .wire import Malformed, NotAllowed, Refused

CLOCK_TOLERANCE_SECONDS = 5
ANSWER_WITHIN_SECONDS = 60

# Every word that a terminal may decline with; a fresh one without a bundle uses fewer.
REASONS = frozenset((
    "malformed", "wrong_suite", "wrong_authority", "wrong_class", "wrong_sector", "wrong_currency", "wrong_tariff",
    "expired", "not_yet_valid", "over_limit", "revoked", "replayed", "no_challenge", "timed_out", "bad_signature",
    "wrong_kind", "journal_full", "stale_data", "already_seen",
))


@dataclass(frozen=True)
class Verdict:
    """Accepted without a reason, or declined for one; `why` is for people."""

    accepted: bool
    reason: str | None = None
    why: str = ""


def decide(authority, select_data, challenge_data, presentation_data, now):
    try:
        select = Select.parse(select_data)
        check_origin(authority, select.suite, select.authority_prefix)
        challenge = outstanding_challenge(authority, select, challenge_data)
        check_clock(challenge.terms.time, now)
        check_presentation(authority, select, challenge, presentation_data)
    except Refused as refused:
        return Verdict(False, refused.reason, str(refused))
    return Verdict(True)


def check_origin(authority, suite, authority_prefix):
    if suite != authority.curve.suite:
        raise NotAllowed("of another suite", "wrong_suite")
    if authority_prefix != authority.prefix:
        raise NotAllowed("of another authority", "wrong_authority")


def outstanding_challenge(authority, select, challenge_data):
    """A terminal never made a bad challenge, so it has none outstanding that a bad one could be."""
    try:
        challenge = Challenge.parse(challenge_data)
        challenge.check_rules()
        challenge.verify(authority)
    except Refused as refused:
        raise NotAllowed(f"the challenge: {refused}", "no_challenge") from refused
    if challenge.terms.nonce[:8] != select.nonce:
        raise NotAllowed("the challenge does not answer this select", "no_challenge")
    return challenge


def check_clock(time, now):
    if not time - CLOCK_TOLERANCE_SECONDS <= now <= time + ANSWER_WITHIN_SECONDS:
        raise NotAllowed(f"now is {now - time} s after the terms", "timed_out")


def check_presentation(authority, select, challenge, presentation_data):
    presentation = Presentation.parse(presentation_data)
    identity = presentation.holder.identity
    check_origin(authority, identity.suite, identity.authority_prefix)
    if identity.holder_class not in (CARD, PSEUDONYM):
        raise NotAllowed("the holder is a terminal", "wrong_class")
    check_holder_terms(challenge.terms, identity)
    if identity.tariff != select.tariff:
        raise NotAllowed("another tariff was declared", "wrong_tariff")
    check_holder_limits(challenge.terms, identity)
    try:
        presentation.verify(authority, challenge.data[:TERMS_SIZE], challenge.terminal.digest)
    except Malformed as malformed:
        # The bytes were taken apart before: what is left can only be the signature.
        raise NotAllowed(str(malformed), "bad_signature") from malformed
