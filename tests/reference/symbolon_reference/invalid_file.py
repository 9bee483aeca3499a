"""Confirms that the byte string of an invalid vector is refused, and no later than its file says."""

from .apdu import CARD as TO_CARD, PORT as TO_PORT, read_command, read_credit, read_response, read_status
from .checking import FieldError, expect_all_read
from .credential import CARD, PSEUDONYM, Credential, Identity, check_belongs, public_key
from .issuing import Offer, verify_possession
from .misuse import NOTHING, Item, judge
from .parameters import Authority
from .scheme_file import SIGNER_FIELDS, signer_of
from .pseudonyms import Issuance, check_answer, open_answer, open_item, open_pairwise, read_request, tag_binding
from .pseudonyms import value_binding
from .signature import Signature, verify
from .tap import Challenge, Presentation, Select, Terms, Upload
from .terminal import REASONS, check_origin, decide
from .trust import Bundle, Successor
from .voucher import Voucher
from .wire import STEPS, BadSignature, NotAllowed, Refused


def refuse_parameters(context, fields):
    authority = Authority(fields.bytes("bytes"))
    if authority.id != context.authority.id:
        raise BadSignature("authority parameters: not the digest that is trusted")


def refuse_identity(context, fields):
    check_belongs(context.authority, Identity.parse(fields.bytes("bytes")))


def refuse_credential(context, fields):
    public_key(context.authority, Credential.parse(fields.bytes("bytes")))


def refuse_point(context, fields):
    context.curve.decode(fields.bytes("bytes"))


def refuse_scalar(context, fields):
    context.curve.decode_secret(fields.bytes("bytes"))


def refuse_signature(context, fields):
    signature = fields.bytes("bytes")
    fields.optional("authority")
    within = fields if any(name in fields for name in SIGNER_FIELDS) else fields.object("signer")
    signer, purpose, message = signer_of(within), fields.number("purpose"), fields.bytes("message")
    if within is not fields and within.unread():
        raise FieldError(f"signer has more than one field: {within.unread()}")
    Signature.parse(signature).check_range(context.curve)
    verify(context.authority, signer, purpose, message, signature)


def refuse_select(context, fields):
    select = Select.parse(fields.bytes("bytes"))
    check_origin(context.authority, select.suite, select.authority_prefix)


def refuse_terms(_context, fields):
    Terms.parse(fields.bytes("bytes"))


def refuse_challenge(context, fields):
    challenge = Challenge.parse(fields.bytes("bytes"))
    challenge.verify(context.authority)
    challenge.check_rules()


def refuse_presentation(context, fields):
    """Alone it has no terms to be verified over: what remains are its credential, its class and its ranges."""
    presentation = Presentation.parse(fields.bytes("bytes"))
    if presentation.holder.identity.holder_class not in (CARD, PSEUDONYM):
        raise BadSignature("presentation: by a terminal", "wrong_class")
    public_key(context.authority, presentation.holder)
    presentation.signature.check_range(context.curve)


def refuse_tap(context, fields):
    parts = (fields.bytes(name) for name in ("select", "challenge", "presentation"))
    verdict = decide(context.authority, *parts, fields.number("now"))
    if not verdict.accepted:
        raise NotAllowed(verdict.why, verdict.reason)


def refuse_upload(context, fields):
    upload = Upload.parse(fields.bytes("bytes"))
    upload.verify(context.authority)
    upload.verify_records(context.authority)


def refuse_bundle(context, fields):
    Bundle.parse(fields.bytes("bytes")).verify(context.authority)


def refuse_successor(context, fields):
    Successor.parse(fields.bytes("bytes")).verify(context.authority)


def refuse_offer(context, fields):
    check_belongs(context.authority, Offer.parse(fields.bytes("bytes")).identity)


def refuse_possession(context, fields):
    identity, point, nonce = (fields.bytes(name) for name in ("identity", "U", "offer_nonce"))
    period = fields.number("period") if "period" in fields else None
    possession = fields.bytes("bytes")
    Signature.parse(possession)
    verify_possession(context.authority, identity, nonce, period, point, possession)


def refuse_misuse(context, fields):
    items = fields.bytes("first"), fields.bytes("second")
    for item in items:
        Item.parse(item)
    if judge(context.authority, items) == NOTHING:
        raise BadSignature("misuse: proves nothing", NOTHING)


def refuse_issuance(_context, fields):
    Issuance.parse(fields.bytes("bytes"))


def refuse_request_body(_context, fields):
    read_request(fields.bytes("bytes"))


def refuse_sealed_item(context, fields):
    names = ("offer_nonce", "commitment", "key", "bytes")
    open_item(context.authority, *(fields.bytes(name) for name in names))


def refuse_sealed_answer(context, fields):
    key, commitment, sealed = (fields.bytes(name) for name in ("key", "commitment", "bytes"))
    u, issuance = context.curve.decode_secret(fields.bytes("u")), Issuance.parse(fields.bytes("issuance"))
    profile, period = fields.number("profile"), fields.number("period")
    opened = open_answer(key, commitment, sealed)
    check_answer(context.authority, issuance, profile, period, u, *opened)


def refuse_sealed_value(_context, fields):
    binding = value_binding(fields.number("authority"), fields.number("period"), fields.bytes("commitment"))
    open_pairwise("sealed value", fields.bytes("key"), binding, fields.bytes("bytes"))


def refuse_clearing_tag(_context, fields):
    binding = tag_binding(fields.number("period") if "period" in fields else None)
    open_pairwise("clearing tag", fields.bytes("key"), binding, fields.bytes("bytes"))


def refuse_voucher(context, fields):
    Voucher.parse(fields.bytes("bytes")).verify(context.authority)


def refuse_bytes(read):
    """Of what is only read."""
    return lambda _context, fields: read(fields.bytes("bytes"))


# What is said of pseudonyms has reasons of its own, which must be told exactly.
PSEUDONYM_REASONS = ("unopened", "other_identity", "unknown_profile", "wrong_contribution")

REFUSERS = {
    "authority_parameters": refuse_parameters,
    "identity": refuse_identity,
    "credential": refuse_credential,
    "point": refuse_point,
    "scalar": refuse_scalar,
    "signature": refuse_signature,
    "select": refuse_select,
    "terms": refuse_terms,
    "challenge": refuse_challenge,
    "presentation": refuse_presentation,
    "tap": refuse_tap,
    "upload": refuse_upload,
    "bundle": refuse_bundle,
    "successor": refuse_successor,
    "offer": refuse_offer,
    "possession": refuse_possession,
    "misuse": refuse_misuse,
    "issuance": refuse_issuance,
    "request_body": refuse_request_body,
    "sealed_item": refuse_sealed_item,
    "sealed_answer": refuse_sealed_answer,
    "sealed_value": refuse_sealed_value,
    "clearing_tag": refuse_clearing_tag,
    "voucher": refuse_voucher,
    "card_command": refuse_bytes(lambda data: read_command(TO_CARD, data)),
    "port_command": refuse_bytes(lambda data: read_command(TO_PORT, data)),
    "response": refuse_bytes(read_response),
    "terminal_status": refuse_bytes(read_status),
    "meter_credit": refuse_bytes(read_credit),
}


def find_refusal(context, structure, fields):
    """How a vector is refused, or None when it is not."""
    if structure not in REFUSERS:
        raise FieldError(f"structure {structure} is not known")
    try:
        REFUSERS[structure](context, fields)
    except Refused as refused:
        return refused
    return None


def check_invalid_file(tally, context, fields, label):
    """Checks one file; returns a note where this checker refuses earlier than the file says."""
    fields.text("suite")
    structure, step, reason = (fields.text(name) for name in ("structure", "step", "reason"))
    tally.expect(f"{label}: step is of the closed list", step in STEPS, step)
    tally.expect(f"{label}: reason is of the closed list", reason in (*REASONS, NOTHING, *PSEUDONYM_REASONS), reason)
    tally.expect(f"{label}: says why", len(fields.text("why").split()) >= 3)
    refused = find_refusal(context, structure, fields)
    expect_all_read(tally, label, fields)
    tally.expect(f"{label}: is refused", refused is not None, "it is accepted")
    if refused is None or step not in STEPS:
        return None
    if structure == "tap" or reason in PSEUDONYM_REASONS:
        tally.expect(f"{label}: reason", reason == refused.reason, f"{refused.reason} ({refused}), not {reason}")
        return None
    late = f"refused at {refused.step} ({refused}), not at {step}"
    tally.expect(f"{label}: is refused at {step}", STEPS.index(refused.step) <= STEPS.index(step), late)
    if refused.step != step:
        return f"{label}: refused at {refused.step} already: {refused}"
    return None
