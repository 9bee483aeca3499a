"""Drives the service over mTLS from proto/ alone, with nothing of the project's own client code.

Prints a line for every check and ends with `N passed, N failed`; the exit code is 0 when none failed. The cards and
terminals in it are enrolled by tests/reference, the second implementation of the scheme.
"""

import argparse
import sys
import tempfile


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--proto", required=True, help="the folder proto/")
    parser.add_argument("--reference", required=True, help="the folder tests/reference")
    parser.add_argument("--clients", required=True, help="the folder with the files that `symbolon client add` wrote")
    parser.add_argument("--public", required=True, help="address of the public listener")
    parser.add_argument("--private", required=True, help="address of the private listener")
    return parser.parse_args()


def main():
    given = arguments()
    sys.path.insert(0, given.reference)
    # These need the path just set.
    import access
    import checking
    import interface
    import serving

    checks = checking.Checks()
    with tempfile.TemporaryDirectory() as stubs:
        api = interface.generate(given.proto, stubs)
        connections = interface.Connections(given.public, given.private, given.clients)
        with checks.section("health"):
            serving.check_health(checks, connections)
        with checks.section("reflection"):
            serving.check_reflection(checks, api, connections)
        with checks.section("roles"):
            access.check_roles(checks, api, connections)
        with checks.section("listeners"):
            access.check_listeners(checks, api, connections)
        with checks.section("certificates"):
            access.check_certificate(checks, api, connections)
        with checks.section("messages"):
            access.check_messages(checks, api, connections)
        with checks.section("terminals"):
            access.check_terminals(checks, api, connections)
        with checks.section("cards and settlement"):
            follow_a_card(checks, api, connections)
        with checks.section("guessing"):
            access.check_guessing(checks, api, connections)
    return checks.end()


def follow_a_card(checks, api, connections):
    """A card from its creation to its replacement, and what was paid with it."""
    import cards
    import pseudonyms
    import serving
    import settlement
    import vouchers

    with (
        connections.public() as public,
        connections.private("issuer-bank") as bank,
        connections.private("issuer-post") as post,
        connections.private("operator-metro") as metro,
    ):
        issuer, enrolments = api.CardServiceStub(bank), api.EnrolmentServiceStub(public)
        terminals, exchange = api.TerminalServiceStub(metro), api.ExchangeServiceStub(public)
        authority = serving.fetch_authority(checks, api, public)
        made = cards.check_creating(checks, api, issuer)
        with checks.section("fields"):
            cards.check_fields(checks, api, issuer)
        card = cards.check_states(checks, api, issuer, enrolments, authority, made)
        with checks.section("suspending"):
            subjects = lambda: serving.subjects_of_bundle(api, public, authority)
            cards.check_suspending(checks, api, issuer, subjects, made.card.name)
        with checks.section("settlement"):
            terminal = settlement.enrol_terminal(api, terminals, enrolments, authority, [api.SECTOR_TRANSPORT])
            upload = settlement.check_uploads(checks, api, exchange, authority, card, terminal)
            settlement.check_bad_streams(checks, api, exchange, card, terminal)
            settlement.check_reading(checks, api, connections, upload)
        with checks.section("top-up"):
            settlement.check_top_up(checks, api, api.LedgerServiceStub(bank), made.card.account)
        with checks.section("pseudonyms"):
            service, ledger = api.PseudonymServiceStub(public), api.LedgerServiceStub(bank)
            payer, account = pseudonyms.card_with_money(api, issuer, enrolments, ledger, authority)
            holders = pseudonyms.check_asking(checks, api, service, authority, payer)
            pseudonyms.check_paying(checks, api, exchange, ledger, account, terminal, 9, holders)
        with checks.section("vouchers"):
            service = api.VoucherServiceStub(public)
            power = [api.SECTOR_POWER]
            payer, account = pseudonyms.card_with_money(api, issuer, enrolments, ledger, authority, sectors=power)
            meter = settlement.enrol_terminal(api, terminals, enrolments, authority, power)
            signed = vouchers.check_buying(checks, api, service, ledger, authority, payer, account, meter)
            vouchers.check_delivering(checks, api, service, exchange, payer, meter, signed)
        with checks.section("misuse"):
            settlement.check_double_use(checks, api, connections, exchange, authority, card, terminal)
        with checks.section("ending"):
            cards.check_ending(checks, api, issuer, made.card.name, cards.create(api, issuer).card.name)
        with checks.section("compact bundles"):
            vouchers.check_compact(checks, api, public, authority)
        with checks.section("paging"):
            cards.check_paging(checks, api, issuer, api.CardServiceStub(post), terminals)


if __name__ == "__main__":
    sys.exit(main())
