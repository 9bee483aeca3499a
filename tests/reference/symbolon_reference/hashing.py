"""SHA-256, expand_message_xmd (RFC 9380, section 5.3.1) and H2S, the hash into the integers mod n."""

import hashlib

BLOCK_SIZE = 64
DIGEST_SIZE = 32
FIELD_ELEMENT_SIZE = 48


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def expand_message_xmd(message, domain, length):
    if len(domain) > 255:
        domain = sha256(b"H2C-OVERSIZE-DST-", domain)
    blocks = -(-length // DIGEST_SIZE)
    if blocks > 255 or length > 65535:
        raise ValueError("too many bytes asked for")
    domain_prime = domain + bytes([len(domain)])
    first = sha256(bytes(BLOCK_SIZE), message, length.to_bytes(2, "big"), b"\0", domain_prime)
    block = sha256(first, b"\1", domain_prime)
    output = [block]
    for index in range(2, blocks + 1):
        mixed = bytes(left ^ right for left, right in zip(first, block))
        block = sha256(mixed, bytes([index]), domain_prime)
        output.append(block)
    return b"".join(output)[:length]


def hash_to_scalar(curve, purpose, *message):
    """H2S(purpose, message): 48 bytes, so that the reduction mod n leaves no bias worth naming."""
    domain = f"SYMBOLON-V1-{curve.name}-{purpose}".encode("ascii")
    expanded = expand_message_xmd(b"".join(message), domain, FIELD_ELEMENT_SIZE)
    return int.from_bytes(expanded, "big") % curve.n
