"""Who is let in, and how everyone else is refused."""

import uuid

import grpc

DENIED = grpc.StatusCode.PERMISSION_DENIED


def check_roles(checks, api, connections):
    """Each role calls its own methods and no other."""
    for client, stub, method, message, roles in (
        ("operator-metro", "CardService", "ListCards", api.ListCardsRequest(), "issuer"),
        ("auditor-court", "CardService", "CreateCard", api.CreateCardRequest(), "issuer"),
        ("administrator-office", "CardService", "ListCards", api.ListCardsRequest(), "issuer"),
        ("issuer-bank", "TerminalService", "ListTerminals", api.ListTerminalsRequest(), "operator"),
        ("issuer-bank", "ExchangeService", "ListRecords", api.ListRecordsRequest(), "operator, auditor"),
        ("operator-metro", "LedgerService", "CheckLedger", api.CheckLedgerRequest(), "auditor, administrator"),
        ("operator-metro", "LedgerService", "TopUpAccount", api.TopUpAccountRequest(), "issuer"),
    ):
        with connections.private(client) as channel:
            call = getattr(getattr(api, f"{stub}Stub")(channel), method)
            found = checks.refused(
                f"{client} calls {method}", lambda call=call, message=message: call(message), DENIED, "ROLE_REQUIRED"
            )
            if found is not None and found.info is not None:
                checks.equal("and is told which roles may", found.info.metadata.get("roles"), roles)


def check_listeners(checks, api, connections):
    """The two listeners are two security domains."""
    with connections.public() as public:
        cards = api.CardServiceStub(public)
        checks.refused(
            "an issuer's method on the public listener",
            lambda: cards.ListCards(api.ListCardsRequest()),
            DENIED,
            "WRONG_LISTENER",
        )
        unknown = public.unary_unary("/symbolon.v1.CardService/StealCard")
        checks.refused(
            "a method that is not there", lambda: unknown(b""), grpc.StatusCode.UNIMPLEMENTED, "UNKNOWN_METHOD"
        )
    with connections.private("issuer-bank") as private:
        enrolments = api.EnrolmentServiceStub(private)
        checks.refused(
            "a wallet's method on the private listener",
            lambda: enrolments.BeginEnrolment(api.BeginEnrolmentRequest(activation_code="x")),
            DENIED,
            "WRONG_LISTENER",
        )


def check_certificate(checks, api, connections):
    """Without a client certificate the private listener ends the handshake."""
    with connections.nobody() as channel:
        try:
            api.CardServiceStub(channel).ListCards(api.ListCardsRequest(), timeout=20)
            checks.that("no certificate, no connection", False, "it was answered")
        except grpc.RpcError as error:
            checks.equal("no certificate, no connection", error.code(), grpc.StatusCode.UNAVAILABLE)


def check_messages(checks, api, connections):
    """Messages that are too large or no messages at all."""
    with connections.private("issuer-bank") as channel:
        large = api.CreateCardRequest(request_id="x" * (5 << 20))
        checks.refused(
            "a message of 5 MiB",
            lambda: api.CardServiceStub(channel).CreateCard(large),
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "MESSAGE_TOO_LARGE",
        )
        raw = channel.unary_unary("/symbolon.v1.CardService/GetCard")
        checks.refused(
            "bytes that are no message",
            lambda: raw(b"\xff\xff\xff"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "MALFORMED_MESSAGE",
        )
        listed = api.CardServiceStub(channel).ListCards(api.ListCardsRequest(page_size=1))
        checks.that("the connection still serves", len(listed.cards) <= 1)


def check_terminals(checks, api, connections):
    """An operator's terminals, which are nobody else's business."""
    with connections.private("operator-metro") as own, connections.private("operator-waterworks") as other:
        metro, waterworks = api.TerminalServiceStub(own), api.TerminalServiceStub(other)
        terminal = api.Terminal(sectors=[api.SECTOR_TRANSPORT], currency=156, number=77)
        asked = api.CreateTerminalRequest(terminal=terminal, request_id=str(uuid.uuid4()))
        made = metro.CreateTerminal(asked)
        name = made.terminal.name
        checks.equal("a terminal belongs to its operator", made.terminal.operator, "operators/metro")
        checks.equal("a retry gets the same answer", metro.CreateTerminal(asked), made)
        again = api.CreateTerminalRequest(terminal=terminal, request_id=str(uuid.uuid4()))
        checks.refused(
            "a number that is taken",
            lambda: metro.CreateTerminal(again),
            grpc.StatusCode.ALREADY_EXISTS,
            "ALREADY_EXISTS",
        )
        missing = (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
        checks.refused(
            "another operator looks at it", lambda: waterworks.GetTerminal(api.GetTerminalRequest(name=name)), *missing
        )
        retire = api.RetireTerminalRequest(name=name, request_id=str(uuid.uuid4()))
        checks.refused("another operator retires it", lambda: waterworks.RetireTerminal(retire), *missing)
        listed = waterworks.ListTerminals(api.ListTerminalsRequest()).terminals
        checks.that("another operator does not list it", name not in [terminal.name for terminal in listed])
        retired = metro.RetireTerminal(retire)
        checks.equal("its own operator retires it", retired.terminal.state, api.TERMINAL_STATE_RETIRED)
        later = api.RetireTerminalRequest(name=name, request_id=str(uuid.uuid4()))
        checks.that(
            "the list still has it", name in [t.name for t in metro.ListTerminals(api.ListTerminalsRequest()).terminals]
        )
        # Retiring what is retired changes nothing; whether it is refused or answered, the terminal stays retired.
        try:
            metro.RetireTerminal(later)
        except grpc.RpcError as error:
            checks.equal(
                "retiring it twice is refused for its state", error.code(), grpc.StatusCode.FAILED_PRECONDITION
            )
        state = metro.GetTerminal(api.GetTerminalRequest(name=name)).terminal.state
        checks.equal("it stays retired", state, api.TERMINAL_STATE_RETIRED)


def check_guessing(checks, api, connections):
    """Guessing activation codes ends soon, and says when to go on. The last check: it locks this address out."""
    with connections.public() as channel:
        enrolments = api.EnrolmentServiceStub(channel)

        def guess(number):
            return enrolments.BeginEnrolment(api.BeginEnrolmentRequest(activation_code=f"AAAA-BBBB-{number:04}"))

        checks.refused(
            "a wrong activation code", lambda: guess(0), grpc.StatusCode.UNAUTHENTICATED, "ACTIVATION_CODE_INVALID"
        )
        tried = 0
        while tried < 100:
            tried += 1
            try:
                guess(tried)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED:
                    break
        checks.that("an address may not guess without end", tried < 100, tried)
        checks.refused(
            "guessing on", lambda: guess(tried), grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS", retry=True
        )
