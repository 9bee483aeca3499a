"""Commands and responses in short form, and the frames that carry them on a serial line."""

import binascii

from .wire import TIME_LIMIT, Malformed, Reader, encode_number

APPLICATION = bytes.fromhex("f053594d424f4c4f4e")
SUCCESS = bytes.fromhex("9000")
STATUS_WORDS = {bytes.fromhex(word) for word in (
    "9000 6581 6700 6884 6982 6985 6a80 6a82 6a84 6a86 6a88 6d00 6e00 6f00".split()
)}
MOST_CARRIED = 261
CARD, PORT = "card", "port"
STATUS_SIZE, CREDIT_SIZE, PENDING_SIZE = 64, 16, 36


class WrongCommand(Malformed):
    """A command is answered with a status word alone."""

    def __init__(self, status, problem):
        super().__init__(f"command: {problem} ({status})")
        self.status = bytes.fromhex(status)


# Name, class, instruction, and for each P1 P2: the lengths of data that it may have, and the lengths of its answer.
EMPTY = range(1)
PIECE = range(5, 245)
CARD_COMMANDS = {
    (0x00, 0xA4): ("SELECT", {0x0400: (range(9, 10), range(20, 21))}),
    (0x80, 0x10): ("PRESENT", {0: (range(204, 205), range(159, 160))}),
    (0x80, 0x12): ("RECEIPT", {0: (range(106, 107), None)}),
    (0x80, 0x14): ("VOUCHER", {0: (range(16, 17), range(109, 110))}),
}
BLOCKS = {**{block: (EMPTY, range(1, 257)) for block in range(0xFFFF)}, 0xFFFF: (EMPTY, range(36, 37))}
PORT_COMMANDS = {
    (0x90, 0x20): ("STATUS", {0: (EMPTY, range(64, 65))}),
    (0x90, 0x22): ("TIME", {0: (range(8, 9), None)}),
    (0x90, 0x24): ("UPLOAD", BLOCKS),
    (0x90, 0x26): ("ACKNOWLEDGE", {0: (range(111, 112), None)}),
    (0x90, 0x28): ("BUNDLE", {0: (range(1, 2), None), 0x0100: (PIECE, None), 0x0200: (EMPTY, None)}),
    (0x90, 0x2A): (
        "AUTHORITY",
        {0: (range(153, 154), None), 0x0100: (PIECE, None), 0x0200: (EMPTY, None), 0x0300: (EMPTY, None)},
    ),
    (0x90, 0x2C): ("ASK", {0: (range(22, 23), None)}),
    (0x90, 0x2E): ("METER", {0: (EMPTY, range(16, 17))}),
}
COMMANDS = {CARD: CARD_COMMANDS, PORT: PORT_COMMANDS}


def short_form(data):
    """Header, data, and what is expected: None or a number, of any command in short form."""
    if len(data) < 4:
        raise WrongCommand("6700", "no header")
    header, body = data[:4], data[4:]
    if not body:
        return header, b"", None
    if len(body) == 1:
        return header, b"", body[0]
    length, content = body[0], body[1:]
    if length == 0 or len(content) not in (length, length + 1):
        raise WrongCommand("6700", "a length that is not the data's")
    return header, content[:length], content[length] if len(content) > length else None


def read_command(to, data):
    """Name, P1 P2 and data of a command, or the status word that refuses it."""
    (class_byte, instruction, p1, p2), content, expected = short_form(data)
    if expected not in (None, 0):
        raise WrongCommand("6700", "not as much is expected as there is")
    if to == CARD and class_byte & 0x10:
        raise WrongCommand("6884", "chained")
    commands = COMMANDS[to]
    if class_byte not in {known for known, _ in commands}:
        raise WrongCommand("6e00", "class")
    if (class_byte, instruction) not in commands:
        raise WrongCommand("6d00", "instruction")
    name, forms = commands[class_byte, instruction]
    parameters = p1 << 8 | p2
    if parameters not in forms:
        raise WrongCommand("6a86", "parameters")
    if name == "SELECT" and content != APPLICATION:
        raise WrongCommand("6a82", "another application")
    lengths, answers = forms[parameters]
    if len(content) not in lengths or (expected is None) != (answers is None):
        raise WrongCommand("6700", "another length")
    check_data(name, parameters, content)
    return name, parameters, content


def check_data(name, parameters, content):
    """What is well formed by its length alone is not looked into here."""
    if name == "TIME" and int.from_bytes(content, "big") >= TIME_LIMIT:
        raise WrongCommand("6a80", "a time of 2^40 or more")
    if name == "BUNDLE" and parameters == 0 and content[0] not in range(1, 17):
        raise WrongCommand("6a80", "not 1 to 16 parts")
    if name == "ASK" and (content[0] not in range(1, 6) or content[1] not in (1, 2, 4)):
        raise WrongCommand("6a80", "no kind or no sector")


def encode_command(to, name, parameters, data):
    for (class_byte, instruction), (known, forms) in COMMANDS[to].items():
        if known == name and parameters in forms:
            expected = b"" if forms[parameters][1] is None else b"\0"
            header = bytes([class_byte, instruction]) + encode_number(parameters, 2)
            return header + (bytes([len(data)]) + data if data else b"") + expected
    raise ValueError(f"no command {name} with P1 P2 {parameters:04x}")


def read_response(data):
    """Answer and status word."""
    answer, status = data[:-2], data[-2:]
    if status not in STATUS_WORDS:
        raise Malformed("response: no status word that is used here")
    if len(answer) > 256 or (answer and status != SUCCESS):
        raise Malformed("response: data that it cannot have")
    return answer, status


def answer_lengths(to, name, parameters):
    """How long a command's answer may be."""
    forms = next(forms for known, forms in COMMANDS[to].values() if known == name)
    return forms[parameters][1] or EMPTY


def read_status(data):
    reader = Reader("terminal status", data)
    reader.one_of(1, (1,), "version")
    status = {"authorities": reader.one_of(1, (1, 2), "authorities")}
    flags = reader.one_of(1, range(16), "flags")
    for bit, name in enumerate(("upload_pending", "clock_wrong", "full", "second_successor")):
        status[name] = bool(flags >> bit & 1)
    reader.zero(1)
    status["terminal"] = reader.take(16, "terminal").hex()
    status["time"] = reader.time("time")
    status["authority_prefix"] = reader.take(8, "authority prefix").hex()
    status["bundle_sequence"] = reader.number(8, "sequence")
    status["bundle_issued_at"] = reader.time("issued_at")
    for name, size in (("parts_held", 2), ("parts", 2), ("records", 4), ("room", 4)):
        status[name] = reader.number(size, name)
    reader.end()
    return status


def read_credit(data):
    reader = Reader("meter credit", data)
    reader.one_of(1, (1,), "version")
    credit = {"unit": reader.one_of(1, (1, 2), "unit")}
    reader.zero(2)
    credit["highest"], credit["credited"] = reader.number(4, "highest"), reader.number(8, "credited")
    reader.end()
    return credit


def frame(carried):
    if not 1 <= len(carried) <= MOST_CARRIED:
        raise ValueError("no frame carries that")
    start = encode_number(len(carried), 2) + carried
    return start + encode_number(binascii.crc_hqx(start, 0xFFFF), 2)


def found_in(line):
    """What is carried by the frames in a line that falls silent: whatever begins none is dropped, a byte at a time."""
    found, start = [], 0
    while start < len(line):
        length = int.from_bytes(line[start:start + 2], "big")
        whole = line[start:start + length + 4]
        if 1 <= length <= MOST_CARRIED and len(whole) == length + 4 and whole == frame(whole[2:-2]):
            found.append(whole[2:-2])
            start += len(whole)
        else:
            start += 1
    return found
