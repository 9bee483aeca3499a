"""From a tap to money: uploads, their answers, records, the ledger and a misuse proof."""

import hashlib
import uuid

import grpc
from symbolon_reference import misuse, tap

import holder

REFUSED_STREAM = grpc.StatusCode.INVALID_ARGUMENT


def enrol_terminal(api, terminals, enrolments, authority, sectors):
    terminal = api.Terminal(sectors=sectors, currency=156)
    made = terminals.CreateTerminal(api.CreateTerminalRequest(terminal=terminal, request_id=str(uuid.uuid4())))
    enrolment = holder.Enrolment(api, enrolments, authority, made.activation_code)
    return enrolment.finish(enrolment.ask())


def send(api, exchange, *uploads):
    """Sends uploads in one stream and gives the answers."""
    return list(exchange.Upload(iter([api.UploadRequest(upload=upload) for upload in uploads])))


def check_uploads(checks, api, exchange, authority, card, terminal):
    """What is uploaded settles once. Gives the upload's name."""
    records = [holder.record(card, terminal, tap.TRANSPORT, amount) for amount in (120, 250)]
    upload = holder.upload(terminal, 1, records)
    [answer] = send(api, exchange, upload)
    checks.equal("an upload is named by its digest", answer.upload, "uploads/" + hashlib.sha256(upload).hexdigest())
    checks.equal("both records settle", [outcome.outcome for outcome in answer.outcomes], [api.OUTCOME_SETTLED] * 2)
    checks.equal("with their amounts", [outcome.settled_amount for outcome in answer.outcomes], [120, 250])
    data, signed = answer.acknowledgement[:46], answer.acknowledgement[46:]
    tap.verify_acknowledgement(authority, data, signed)
    checks.equal(
        "the acknowledgement counts them, signed by the authority", tap.parse_acknowledgement(data)[1:4], (2, 0, 0)
    )
    [again] = send(api, exchange, upload)
    checks.that("sent again it is told apart", again.repeated and not answer.repeated)
    again.repeated = False
    checks.equal("and gets the same answer, byte for byte", again, answer)

    wrong = bytearray(holder.record(card, terminal, tap.TRANSPORT, 90))
    wrong[-1] ^= 1
    mixed = [records[0], holder.record(card, terminal, tap.TRANSPORT, 2_001), bytes(wrong)]
    [answer] = send(api, exchange, holder.upload(terminal, 2, mixed))
    found = [(outcome.outcome, outcome.refusal_reason) for outcome in answer.outcomes]
    checks.equal("a record that settled before is a duplicate", found[0], (api.OUTCOME_DUPLICATE, 0))
    over = (api.OUTCOME_REFUSED, api.REFUSAL_REASON_OVER_LIMIT)
    checks.equal("one above the limit is refused for that", found[1], over)
    bad = (api.OUTCOME_REFUSED, api.REFUSAL_REASON_BAD_SIGNATURE)
    checks.equal("one whose signature was changed is refused for that", found[2], bad)
    return "uploads/" + hashlib.sha256(upload).hexdigest()


def check_bad_streams(checks, api, exchange, card, terminal):
    """A malformed or badly signed upload ends the stream; what came before stays acknowledged."""
    good = holder.upload(terminal, 3, [holder.record(card, terminal, tap.TRANSPORT, 10)])
    answers = []

    def stream(*uploads):
        answers.clear()
        for answer in exchange.Upload(iter([api.UploadRequest(upload=upload) for upload in uploads])):
            answers.append(answer)

    checks.refused("an upload cut short", lambda: stream(good[:-1]), REFUSED_STREAM, "MALFORMED", field="upload")
    forged = bytearray(good)
    forged[129 + 64] ^= 1
    checks.refused(
        "an upload with a changed signature",
        lambda: stream(bytes(forged)),
        grpc.StatusCode.UNAUTHENTICATED,
        "BAD_SIGNATURE",
    )
    checks.refused(
        "a bad upload after a good one", lambda: stream(good, b"x"), REFUSED_STREAM, "MALFORMED", field="upload"
    )
    checks.equal("the good one was answered", len(answers), 1)
    [again] = send(api, exchange, good)
    checks.that("and stays acknowledged", again.repeated)


def check_reading(checks, api, connections, upload):
    """Operators read what is theirs, auditors everything; the ledger adds up."""
    with (
        connections.private("operator-metro") as own,
        connections.private("operator-waterworks") as other,
        connections.private("auditor-court") as auditor,
    ):
        metro, waterworks, court = (api.ExchangeServiceStub(channel) for channel in (own, other, auditor))
        for name, service in (("its operator", metro), ("an auditor", court)):
            got = service.GetUpload(api.GetUploadRequest(name=upload)).upload
            checks.equal(f"{name} reads the upload", (got.record_count, got.settled_count), (2, 2))
            listed = service.ListRecords(api.ListRecordsRequest(upload=upload)).records
            checks.equal(f"{name} reads its records", [record.amount for record in listed], [120, 250])
            checks.that("with their bytes", all(len(record.content) == 209 for record in listed))
        missing = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
        checks.refused(
            "another operator's upload", lambda: waterworks.GetUpload(api.GetUploadRequest(name=upload)), *missing
        )
        checks.equal(
            "another operator lists no upload", list(waterworks.ListUploads(api.ListUploadsRequest()).uploads), []
        )
        checks.equal(
            "another operator lists no record", list(waterworks.ListRecords(api.ListRecordsRequest()).records), []
        )
        ledger = api.LedgerServiceStub(auditor).CheckLedger(api.CheckLedgerRequest())
        checks.that("the ledger is balanced", ledger.balanced and ledger.sum == 0 and not ledger.problems, ledger)
        checks.that("and not empty", ledger.posting_count >= 3, ledger.posting_count)
        accounts = api.LedgerServiceStub(own).ListAccounts(api.ListAccountsRequest()).accounts
        checks.equal("the operator has one account", [account.owner for account in accounts], ["operators/metro"])
        checks.equal("with what it earned", accounts[0].balance, 380)
        entries = api.LedgerServiceStub(own).ListEntries(api.ListEntriesRequest(parent=accounts[0].name)).entries
        checks.equal("made of single entries", sum(entry.amount for entry in entries), 380)


def check_double_use(checks, api, connections, exchange, authority, card, terminal):
    """Two transactions under one counter: caught, proved, and the proof checked by the second implementation."""
    card.counter += 1
    one, two = (holder.record(card, terminal, tap.TRANSPORT, amount, counter=card.counter) for amount in (5, 6))
    [answer] = send(api, exchange, holder.upload(terminal, 4, [one, two]))
    found = [outcome.outcome for outcome in answer.outcomes]
    checks.equal("the second use is misuse", found, [api.OUTCOME_SETTLED, api.OUTCOME_MISUSE])
    with connections.private("issuer-bank") as bank, connections.private("operator-waterworks") as other:
        asked = api.GetMisuseProofRequest(name=answer.outcomes[1].misuse_proof)
        proof = api.ExchangeServiceStub(bank).GetMisuseProof(asked).misuse_proof
        checks.equal("the issuer gets the proof", proof.kind, api.MISUSE_KIND_DOUBLE_USE)
        proves = misuse.judge(authority, [proof.proof[:241], proof.proof[241:]])
        checks.equal("which proves it to the second implementation", proves, misuse.DOUBLE_USE)
        checks.refused(
            "an operator without a record in it",
            lambda: api.ExchangeServiceStub(other).GetMisuseProof(asked),
            grpc.StatusCode.NOT_FOUND,
            "NOT_FOUND",
        )


def check_top_up(checks, api, ledger, account):
    """Money comes in once, however often it is asked for."""
    asked = api.TopUpAccountRequest(name=account, amount=5_000, request_id=str(uuid.uuid4()))
    before = ledger.GetAccount(api.GetAccountRequest(name=account)).account.balance
    answer = ledger.TopUpAccount(asked)
    checks.equal("a top-up is posted", answer.account.balance, before + 5_000)
    checks.equal("a retry gets the same answer", ledger.TopUpAccount(asked), answer)
    after = ledger.GetAccount(api.GetAccountRequest(name=account)).account.balance
    checks.equal("and posts nothing", after, before + 5_000)
    other = api.TopUpAccountRequest(name=account, amount=5_001, request_id=asked.request_id)
    checks.refused(
        "another amount under the same request_id",
        lambda: ledger.TopUpAccount(other),
        grpc.StatusCode.ALREADY_EXISTS,
        "REQUEST_ID_REUSED",
    )
    nothing = api.TopUpAccountRequest(name=account, amount=0, request_id=str(uuid.uuid4()))
    checks.refused(
        "topping up nothing",
        lambda: ledger.TopUpAccount(nothing),
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_FIELD",
        field="amount",
    )
