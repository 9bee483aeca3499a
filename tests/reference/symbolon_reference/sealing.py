"""What pseudonyms are sealed with: X25519 (RFC 7748), AES-GCM (FIPS 197, SP 800-38D), HKDF (RFC 5869) and HPKE's base
mode (RFC 9180). Slow and not constant-time, like all of this reference."""

import hmac
from hashlib import sha256 as _sha256

from .wire import Refused

TAG_SIZE = 16
NONCE_SIZE = 12


class Unopened(Refused):
    """What was sealed does not open."""

    step = "verify"
    reason = "unopened"


# ---- X25519 ------------------------------------------------------------------------------------------------------------

P25519 = 2**255 - 19
A24 = 121_665
BASE = (9).to_bytes(32, "little")


def x25519(scalar, coordinate):
    """The Montgomery ladder over the scalar's bits, highest first."""
    number = int.from_bytes(scalar, "little")
    number = (number & ~7 & ((1 << 255) - 1)) | (1 << 254)
    u = (int.from_bytes(coordinate, "little") & ((1 << 255) - 1)) % P25519
    x2, z2, x3, z3 = 1, 0, u, 1
    for position in reversed(range(255)):
        bit = number >> position & 1
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        plus, minus = (x2 + z2) % P25519, (x2 - z2) % P25519
        crossed, other = (x3 - z3) * plus % P25519, (x3 + z3) * minus % P25519
        x3, z3 = (crossed + other) ** 2 % P25519, u * (crossed - other) ** 2 % P25519
        squared, lesser = plus * plus % P25519, minus * minus % P25519
        difference = squared - lesser
        x2, z2 = squared * lesser % P25519, difference * (squared + A24 * difference) % P25519
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, P25519 - 2, P25519) % P25519).to_bytes(32, "little")


# ---- AES-GCM -----------------------------------------------------------------------------------------------------------


def _double(byte):
    return (byte << 1 ^ 0x11B if byte & 0x80 else byte << 1) & 0xFF


def _substitutions():
    """The S-box: the inverse in GF(2^8), then the affine map."""
    powers, logarithms, value = [0] * 255, [0] * 256, 1
    for exponent in range(255):
        powers[exponent], logarithms[value] = value, exponent
        value ^= _double(value)
    box = []
    for byte in range(256):
        inverse = powers[-logarithms[byte] % 255] if byte else 0
        turned = inverse
        for shift in range(1, 5):
            turned ^= (inverse << shift | inverse >> (8 - shift)) & 0xFF
        box.append(turned ^ 0x63)
    return bytes(box)


S_BOX = _substitutions()


class Aes:
    """The block cipher in its forward direction, which is all that counter mode takes."""

    def __init__(self, key):
        if len(key) not in (16, 32):
            raise ValueError("a key of 16 or 32 bytes")
        words, size, constant = [key[start:start + 4] for start in range(0, len(key), 4)], len(key) // 4, 1
        self.rounds = size + 6
        for index in range(size, 4 * (self.rounds + 1)):
            word = words[-1]
            if index % size == 0:
                word = bytes(S_BOX[byte] for byte in word[1:] + word[:1])
                word = bytes([word[0] ^ constant]) + word[1:]
                constant = _double(constant)
            elif size > 6 and index % size == 4:
                word = bytes(S_BOX[byte] for byte in word)
            words.append(_xor(word, words[index - size]))
        self.round_keys = [b"".join(words[start:start + 4]) for start in range(0, len(words), 4)]

    def encrypt(self, block):
        state = _xor(block, self.round_keys[0])
        for number in range(1, self.rounds + 1):
            # Column c, row r is byte 4c + r; row r moves r columns to the left.
            state = [S_BOX[state[(index + 4 * (index % 4)) % 16]] for index in range(16)]
            if number < self.rounds:
                state = [byte for start in range(0, 16, 4) for byte in _mixed(state[start:start + 4])]
            state = _xor(state, self.round_keys[number])
        return bytes(state)


def _mixed(column):
    together = column[0] ^ column[1] ^ column[2] ^ column[3]
    return [byte ^ together ^ _double(byte ^ column[(row + 1) % 4]) for row, byte in enumerate(column)]


def _xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right))


REDUCTION = 0xE1 << 120


def _multiply(left, right):
    """In GF(2^128) with GCM's order of bits: the first bit of a block is the coefficient of 1."""
    product = 0
    for position in range(127, -1, -1):
        if left >> position & 1:
            product ^= right
        right = right >> 1 ^ (REDUCTION if right & 1 else 0)
    return product


class Gcm:
    """AES-GCM with nonces of 96 bits and tags of 128."""

    def __init__(self, key):
        self.cipher = Aes(key)
        self.hash_key = int.from_bytes(self.cipher.encrypt(bytes(16)), "big")

    def _stream(self, nonce, data):
        blocks = range(0, len(data), 16)
        masks = (self.cipher.encrypt(nonce + (start // 16 + 2).to_bytes(4, "big")) for start in blocks)
        return b"".join(_xor(data[start:start + 16], mask) for start, mask in zip(blocks, masks))

    def _tag(self, nonce, ciphertext, associated):
        lengths = (8 * len(associated)).to_bytes(8, "big") + (8 * len(ciphertext)).to_bytes(8, "big")
        padded = b"".join(part + bytes(-len(part) % 16) for part in (associated, ciphertext)) + lengths
        state = 0
        for start in range(0, len(padded), 16):
            state = _multiply(state ^ int.from_bytes(padded[start:start + 16], "big"), self.hash_key)
        return _xor(state.to_bytes(16, "big"), self.cipher.encrypt(nonce + b"\0\0\0\1"))

    def seal(self, nonce, plaintext, associated):
        """The ciphertext, then its tag."""
        if len(nonce) != NONCE_SIZE:
            raise ValueError("a nonce of 12 bytes")
        ciphertext = self._stream(nonce, plaintext)
        return ciphertext + self._tag(nonce, ciphertext, associated)

    def open(self, nonce, sealed, associated):
        if len(nonce) != NONCE_SIZE or len(sealed) < TAG_SIZE:
            raise Unopened("AES-GCM: cut off")
        ciphertext, tag = sealed[:-TAG_SIZE], sealed[-TAG_SIZE:]
        if self._tag(nonce, ciphertext, associated) != tag:
            raise Unopened("AES-GCM: the tag is another")
        return self._stream(nonce, ciphertext)


# ---- HKDF and HPKE -----------------------------------------------------------------------------------------------------


def hmac_sha256(key, message):
    return hmac.new(key, message, _sha256).digest()


def hkdf_extract(salt, material):
    return hmac_sha256(salt or bytes(32), material)


def hkdf_expand(key, info, length):
    output, block = b"", b""
    for index in range(1, -(-length // 32) + 1):
        block = hmac_sha256(key, block + info + bytes([index]))
        output += block
    return output[:length]


KEM_SUITE = b"KEM" + (0x0020).to_bytes(2, "big")
HPKE_SUITE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0020, 0x0001, 0x0001))
BASE_MODE = b"\0"


def _labeled_extract(suite, salt, label, material):
    return hkdf_extract(salt, b"HPKE-v1" + suite + label + material)


def _labeled_expand(suite, key, label, info, length):
    return hkdf_expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


def derive_key_pair(material):
    """RFC 9180, 7.1.3: (secret, public)."""
    secret = _labeled_expand(KEM_SUITE, _labeled_extract(KEM_SUITE, b"", b"dkp_prk", material), b"sk", b"", 32)
    return secret, x25519(secret, BASE)


def shared_secret(secret, other_public, encapsulated, recipient):
    exchanged = x25519(secret, other_public)
    if not any(exchanged):
        raise Unopened("HPKE: a key of small order")
    extracted = _labeled_extract(KEM_SUITE, b"", b"eae_prk", exchanged)
    return _labeled_expand(KEM_SUITE, extracted, b"shared_secret", encapsulated + recipient, 32)


def key_schedule(shared, info):
    """Base mode, no pre-shared key: (key, base nonce)."""
    context = BASE_MODE + b"".join(
        _labeled_extract(HPKE_SUITE, b"", label, value) for label, value in ((b"psk_id_hash", b""), (b"info_hash", info))
    )
    secret = _labeled_extract(HPKE_SUITE, shared, b"secret", b"")
    key = _labeled_expand(HPKE_SUITE, secret, b"key", context, 16)
    return key, _labeled_expand(HPKE_SUITE, secret, b"base_nonce", context, NONCE_SIZE)


def hpke_seal(recipient, info, associated, plaintext, ephemeral_material):
    """The first message of a context: encapsulated key, ciphertext, tag."""
    ephemeral, encapsulated = derive_key_pair(ephemeral_material)
    key, nonce = key_schedule(shared_secret(ephemeral, recipient, encapsulated, recipient), info)
    return encapsulated + Gcm(key).seal(nonce, plaintext, associated)


def hpke_open(secret, info, associated, sealed):
    encapsulated, recipient = sealed[:32], x25519(secret, BASE)
    key, nonce = key_schedule(shared_secret(secret, encapsulated, encapsulated, recipient), info)
    return Gcm(key).open(nonce, sealed[32:], associated)
