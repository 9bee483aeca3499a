"""Power for a meter: a voucher bought, checked and delivered by the second implementation; and bundles in both forms."""

import secrets
import struct
import time

import grpc
from symbolon_reference import sections, signature, tap, trust, voucher
from symbolon_reference.credential import POWER

import holder
import settlement

SERVICE = "/symbolon.v1.VoucherService/"
PATIENCE_SECONDS = 60
PER_THOUSAND = 50


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


def order(meter, quantity, most, sector=POWER):
    """The body that buys a voucher, 28 bytes."""
    return struct.pack(">BBH16sII", 1, sector, 0, meter, quantity, most)


def check_buying(checks, api, service, ledger, authority, card, account, meter):
    """From the price list to a voucher that verifies. Gives the voucher."""
    prices = service.ListVoucherPrices(api.ListVoucherPricesRequest()).prices
    found = [(price.operator, price.sector, price.amount_per_thousand) for price in prices]
    checks.equal("the price is as configured", found, [("operators/metro", api.SECTOR_POWER, PER_THOUSAND)])
    subject = meter.credential.identity.subject
    before = ledger.GetAccount(api.GetAccountRequest(name=account)).account.balance
    request = api.BuyVoucherRequest(signed_request=signed_request(api, card, "BuyVoucher", order(subject, 2_001, 101)))
    bought = service.BuyVoucher(request).voucher
    signed = voucher.Voucher.parse(bought.signed_voucher)
    signed.verify(authority)
    checks.equal("it is for this meter", (signed.meter, signed.quantity, signed.sequence), (subject, 2_001, 1))
    checks.equal("the same request gets the same voucher", service.BuyVoucher(request).voucher, bought)
    after = ledger.GetAccount(api.GetAccountRequest(name=account)).account.balance
    checks.equal("and is paid for once, rounded up", before - after, 101)
    refusals = [
        ("a price above what was agreed to", order(subject, 2_001, 100), "FAILED_PRECONDITION", "PRICE_ABOVE", None),
        ("a meter that there is not", order(bytes(16), 1, 1), "NOT_FOUND", "NOT_FOUND", None),
        ("a body that is none", order(subject, 1, 1)[:-1], "INVALID_ARGUMENT", "MALFORMED", "voucher request"),
        ("nothing at all", order(subject, 0, 1), "INVALID_ARGUMENT", "MALFORMED", "voucher request"),
    ]
    for what, body, code, reason, field in refusals:
        refused = api.BuyVoucherRequest(signed_request=signed_request(api, card, "BuyVoucher", body))
        checks.refused(what, lambda: service.BuyVoucher(refused), grpc.StatusCode[code], reason, field=field)
    checks.refused(
        "a request that nobody signed",
        lambda: service.BuyVoucher(api.BuyVoucherRequest()),
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELD",
        field="signed_request",
    )
    return signed


def check_delivering(checks, api, service, exchange, card, meter, signed):
    """The meter's record of it settles, and the voucher counts as delivered."""

    def state():
        asked = signed_request(api, card, "ListVouchers", b"")
        [listed] = service.ListVouchers(api.ListVouchersRequest(signed_request=asked)).vouchers
        return listed.state

    checks.equal("it is not delivered", state(), api.VOUCHER_STATE_ISSUED)
    record = holder.record(card, meter, POWER, 0, kind=tap.CREDIT, reference=signed.reference)
    [answer] = settlement.send(api, exchange, holder.upload(meter, 1, [record]))
    checks.equal("the meter's record settles", [one.outcome for one in answer.outcomes], [api.OUTCOME_SETTLED])
    began = time.monotonic()
    while state() != api.VOUCHER_STATE_DELIVERED and time.monotonic() - began < PATIENCE_SECONDS:
        time.sleep(0.1)
    checks.equal("then it is", state(), api.VOUCHER_STATE_DELIVERED)


def check_compact(checks, api, public, authority):
    """The compact form of a bundle says of every revoked subject what the full form says."""
    service = api.AuthorityServiceStub(public)
    full = service.GetTrustBundle(api.GetTrustBundleRequest())
    whole = trust.Bundle.parse(full.bundle)
    lists = [content for kind, _, content in whole.sections if kind == trust.REVOKED_SUBJECTS]
    revoked = [content[at : at + 16] for content in lists for at in range(0, len(content), 16)]
    parts = []
    while not parts or len(parts) < parts[0].part_count:
        asked = dict(form=api.TRUST_BUNDLE_FORM_COMPACT, part=len(parts), sequence=full.sequence)
        parts.append(service.GetTrustBundle(api.GetTrustBundleRequest(**asked)))
    bundles = [trust.Bundle.parse(part.bundle) for part in parts]
    for bundle in bundles:
        bundle.verify(authority)
    same = all((bundle.sequence, bundle.issued_at) == (whole.sequence, whole.issued_at) for bundle in bundles)
    checks.that("every part is of the same bundle", same)
    contents = [{kind: content for kind, _, content in bundle.sections} for bundle in bundles]
    filters = [sections.Filter(content[trust.FILTER]) for content in contents]
    found = [filters[sections.part_of(one, len(parts))].lookup(sections.CARDS, one) for one in revoked]
    checks.equal("every revoked subject hits in its part", found, [sections.HIT] * len(revoked))
    checks.that("and there are some", len(revoked) > 0, len(revoked))
    for what, asked, code, reason, field in [
        ("a part that there is not", dict(form=2, part=len(parts)), "INVALID_ARGUMENT", "NO_SUCH_PART", None),
        ("a bundle that there is not", dict(sequence=1 << 40), "NOT_FOUND", "NOT_FOUND", None),
        ("a form that there is not", dict(form=9), "INVALID_ARGUMENT", "INVALID_FIELD", "form"),
    ]:
        request = api.GetTrustBundleRequest(**asked)
        checks.refused(what, lambda: service.GetTrustBundle(request), grpc.StatusCode[code], reason, field=field)
