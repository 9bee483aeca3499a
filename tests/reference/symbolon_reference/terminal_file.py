"""Checks every field of terminals.json by computing it again. `contexts` gives the authority of each suite."""

from .apdu import COMMANDS, WrongCommand, answer_lengths, encode_command, found_in, frame, read_command, read_credit
from .apdu import read_response, read_status
from .checking import FieldError, Fields, check_sections, context_of, expect_all_read
from .curve import SUITE_NAMES
from .credential import terminal_subject
from .sections import Filter, concession, part_of, read_fare, read_fares, read_rule, read_rules, read_tariff
from .sections import read_tariffs
from .signature import BUNDLE, VOUCHER, Signer, sign
from .tap import Challenge, Presentation, Select, parse_acknowledgement, parse_receipt
from .trust import Bundle, Successor, bundle_header
from .voucher import Voucher, voucher_message
from .wire import Reader, encode_number

LEAST = {
    "vouchers": 8, "rules": 4, "tariffs": 5, "fares": 6, "filters": 3, "bundles": 6, "exchanges": 50,
    "refused_commands": 30, "statuses": 2, "credits": 2, "frames": 4, "lines": 6,
}
PARTS = (1, 2, 3, 16, 65_535)


def signed_by_authority(context, purpose, message, random):
    signer = Signer.institution(context.authority.name)
    return sign(context.authority, signer, context.secret_key(signer), purpose, message, random)


def check_voucher(tally, contexts, fields, label):
    context = context_of(contexts, fields)
    numbers = [fields.number(name) for name in ("sequence", "quantity", "time", "not_after")]
    unit, meter = fields.number("unit"), fields.bytes("meter")
    message = voucher_message(unit, meter, *numbers)
    signed = fields.bytes("signed")
    signature = signed_by_authority(context, VOUCHER, message, fields.bytes("random"))
    tally.equal(f"{label}: signed", signed, message + signature)
    voucher = Voucher.parse(signed)
    tally.accepts(f"{label}: verifies", voucher.verify, context.authority)
    read = (voucher.unit, voucher.meter, voucher.sequence, voucher.quantity, voucher.time, voucher.not_after)
    tally.equal(f"{label}: reads", (unit, meter, *numbers), read)
    tally.equal(f"{label}: reference", fields.bytes("reference"), voucher.reference)
    expect_all_read(tally, label, fields)
    return context.curve.name


def check_numbers(tally, fields, label, read):
    for name, value in read.items():
        if isinstance(value, bytes):
            tally.equal(f"{label}: {name}", fields.bytes(name), value)
        elif isinstance(value, bool):
            tally.equal(f"{label}: {name}", fields.boolean(name), value)
        elif isinstance(value, str):
            tally.equal(f"{label}: {name}", fields.text(name), value)
        else:
            tally.equal(f"{label}: {name}", fields.number(name), value)


def check_rule(tally, _contexts, fields, label):
    data = fields.bytes("bytes")
    tally.equal(f"{label}: size", len(data), 28)
    check_numbers(tally, fields, label, read_rule(Reader("rule", data)))
    expect_all_read(tally, label, fields)


def check_tariff(tally, _contexts, fields, label):
    data = fields.bytes("bytes")
    tally.equal(f"{label}: size", len(data), 8)
    tariff = read_tariff(Reader("tariff", data))
    check_numbers(tally, fields, label, tariff)
    pays = fields.list("pays")
    tally.expect(f"{label}: enough fares", len(pays) >= 5)
    for full, paid in pays:
        tally.equal(f"{label}: of {full}", paid, concession(tariff["permille"], full))
    expect_all_read(tally, label, fields)


def check_fare(tally, _contexts, fields, label):
    data = fields.bytes("bytes")
    tally.equal(f"{label}: size", len(data), 48)
    fare = read_fare(Reader("fare", data))
    tally.equal(f"{label}: operator", fare.pop("operator"), terminal_subject(fields.text("operator"), bytes(8))[:8])
    check_numbers(tally, fields, label, fare)
    expect_all_read(tally, label, fields)


def check_filter(tally, _contexts, fields, label):
    read = Filter(fields.bytes("section"))
    tally.equal(f"{label}: boundary", fields.number("boundary"), read.boundary)
    stated = fields.list("sets")
    tally.equal(f"{label}: sets", len(stated), len(read.sets))
    for number, (item, found) in enumerate(zip(map(Fields, stated), read.sets)):
        set_label = f"{label}: sets[{number}]"
        subjects = [bytes.fromhex(subject) for subject in item.list("subjects")]
        tally.equal(f"{set_label}: keys", found.keys, len(set(subjects)))
        tally.equal(f"{set_label}: scope", item.number("scope"), found.scope)
        tally.equal(f"{set_label}: seed", item.bytes("seed"), encode_number(found.seed, 8))
        tally.equal(f"{set_label}: L", item.number("segment_length"), found.segment)
        tally.equal(f"{set_label}: C", item.number("first_places"), found.first_places)
        tally.equal(f"{set_label}: fingerprints", item.number("fingerprints"), found.size)
        missed = [subject.hex() for subject in subjects if read.lookup(found.scope, subject) != "hit"]
        tally.expect(f"{set_label}: no subject is missed", not missed, ", ".join(missed[:3]))
        expect_all_read(tally, set_label, item)
    answers = set()
    for number, item in enumerate(map(Fields, fields.list("lookups"))):
        lookup_label, subject = f"{label}: lookups[{number}]", item.bytes("subject")
        answer = read.lookup(item.number("scope"), subject)
        tally.equal(f"{lookup_label}: answer", item.text("answer"), answer)
        tally.equal(f"{lookup_label}: parts", item.list("parts"), [part_of(subject, parts) for parts in PARTS])
        answers.add(answer)
        expect_all_read(tally, lookup_label, item)
    tally.expect(f"{label}: enough answers", len(answers) >= 2 and len(fields.list("lookups")) >= 3, str(answers))
    # A lookup that is left out cannot be made up from what is there. The last is of a stranger whom the last set hits.
    known = {subject for one in stated for subject in one["subjects"]}
    strangers = [item for item in fields.list("lookups") if item["subject"] not in known and item["answer"] == "hit"]
    tally.equal(f"{label}: one stranger is hit", len(strangers), 1 if read.sets[-1].keys else 0)
    expect_all_read(tally, label, fields)


def check_bundle(tally, contexts, fields, label):
    context = context_of(contexts, fields)
    body = b""
    for section in map(Fields, fields.list("sections")):
        content = section.bytes("bytes")
        head = bytes([section.number("section_type"), section.boolean("critical"), 0, 0])
        body += head + encode_number(len(content), 4) + content
        expect_all_read(tally, label, section)
    names = ("sectors", "sequence", "issued_at", "valid_until", "oldest_not_before", "part", "parts")
    header = bundle_header(context.authority, *(fields.number(name) for name in names), body)
    signature = signed_by_authority(context, BUNDLE, header, fields.bytes("random"))
    data = fields.bytes("bundle")
    tally.equal(f"{label}: bundle", data, header + signature + body)
    bundle = Bundle.parse(data)
    tally.accepts(f"{label}: verifies", bundle.verify, context.authority)
    types = [kind for kind, _, _ in bundle.sections]
    tally.expect(f"{label}: one of the two forms", types in ([1, 2, 3, 4, 5, 6, 7], [2, 5, 6, 7, 8]), str(types))
    for kind, _, content in bundle.sections:
        if kind in (5, 6, 7):
            tally.expect(f"{label}: entries", len({5: read_rules, 6: read_tariffs, 7: read_fares}[kind](content)) > 1)
    expect_all_read(tally, label, fields)
    return context.curve.name


def check_exchange(tally, _contexts, fields, label):
    to, name, parameters = fields.text("to"), fields.text("command"), fields.number("parameters")
    if to not in COMMANDS:
        raise FieldError(f"nobody is called {to}")
    data, encoded = fields.bytes("data"), fields.bytes("bytes")
    tally.equal(f"{label}: bytes", encoded, encode_command(to, name, parameters, data))
    tally.equal(f"{label}: reads", read_command(to, encoded), (name, parameters, data))
    answer, status, response = (fields.bytes(field) for field in ("answer", "status", "response"))
    tally.equal(f"{label}: response", response, answer + status)
    tally.equal(f"{label}: response reads", read_response(response), (answer, status))
    if status == b"\x90\0":
        lengths = answer_lengths(to, name, parameters)
        tally.expect(f"{label}: answer has its length", len(answer) in lengths, str(len(answer)))
    parts = {
        "PRESENT": (Challenge.parse, Presentation.parse), "SELECT": (None, Select.parse), "VOUCHER": (None, Voucher.parse),
        "STATUS": (None, read_status), "METER": (None, read_credit),
    }
    for parse, part in zip(parts.get(name, (None, None)), (data, answer)):
        if parse and part:
            tally.accepts(f"{label}: what it carries is well formed", parse, part)
    if name == "RECEIPT":
        tally.accepts(f"{label}: receipt", parse_receipt, data[:41])
    if name == "ACKNOWLEDGE":
        tally.accepts(f"{label}: acknowledgement", parse_acknowledgement, data[:46])
    if name == "AUTHORITY" and parameters == 0:
        tally.accepts(f"{label}: successor", Successor.parse, data)
    expect_all_read(tally, label, fields)


def check_refused_command(tally, _contexts, fields, label):
    to, data, status = fields.text("to"), fields.bytes("bytes"), fields.bytes("status")
    tally.expect(f"{label}: says why", len(fields.text("why").split()) >= 3)
    if to not in COMMANDS:
        raise FieldError(f"nobody is called {to}")
    try:
        found = read_command(to, data)
    except WrongCommand as wrong:
        found = wrong.status
    tally.equal(f"{label}: status", status, found)
    expect_all_read(tally, label, fields)


def check_status(tally, _contexts, fields, label):
    check_numbers(tally, fields, label, read_status(fields.bytes("bytes")))
    expect_all_read(tally, label, fields)


def check_credit(tally, _contexts, fields, label):
    check_numbers(tally, fields, label, read_credit(fields.bytes("bytes")))
    expect_all_read(tally, label, fields)


def check_frame(tally, _contexts, fields, label):
    tally.equal(f"{label}: frame", fields.bytes("frame"), frame(fields.bytes("carried")))
    expect_all_read(tally, label, fields)


def check_line(tally, _contexts, fields, label):
    found = [carried.hex() for carried in found_in(fields.bytes("line"))]
    tally.equal(f"{label}: found", fields.list("found"), found)
    expect_all_read(tally, label, fields)


SECTIONS = {
    "vouchers": check_voucher,
    "rules": check_rule,
    "tariffs": check_tariff,
    "fares": check_fare,
    "filters": check_filter,
    "bundles": check_bundle,
    "exchanges": check_exchange,
    "refused_commands": check_refused_command,
    "statuses": check_status,
    "credits": check_credit,
    "frames": check_frame,
    "lines": check_line,
}


def check_terminal_file(tally, document, contexts, label):
    """Checks a whole file; returns how many vectors each section has."""
    fields = Fields(document)
    counts, found = check_sections(tally, contexts, fields, label, SECTIONS, LEAST)
    for section in ("vouchers", "bundles"):
        tally.equal(f"{label}: {section} of every suite", found[section], set(SUITE_NAMES))
    expect_all_read(tally, label, fields)
    return counts
