"""Checks every field of linkage-and-pseudonyms.json by computing it again. `contexts` gives the authority of each suite."""

from .checking import FieldError, Fields, check_sections, context_of, expect_all_read
from .credential import IDENTITY_SIZE, Credential, credential_scalar, public_key
from .curve import SUITE_NAMES
from .issuing import archive_binds
from .linkage import LAST_PERIOD, check_revoked_seeds, linkage_value, period_at, period_times, recognised, seed_after
from .linkage import subject_of
from .pseudonyms import Content, Issuance, Profile, answer_binding, check_answer, cipher_key, commitment_to
from .pseudonyms import encode_request, item_challenge, item_info, open_answer, open_item, open_pairwise, read_request
from .pseudonyms import seal_answer, seal_item, seal_pairwise, tag_binding, value_binding
from .sealing import BASE, Gcm, derive_key_pair, hpke_open, hpke_seal, key_schedule, shared_secret, x25519
from .signature import POSSESSION, Signer, sign, verify
from .wire import Reader, encode_number

LEAST = {
    "linkage": 10, "periods": 30, "published": 2, "sealed_values": 4, "clearing_tags": 4, "issuance": 3,
    "pseudonyms": 6, "requests": 2,
}


def check_linkage(tally, _contexts, fields, label):
    seeds = [fields.bytes(name) for name in ("seed_41", "seed_42")]
    tally.expect(f"{label}: seeds of 32 bytes", [len(seed) for seed in seeds] == [32, 32])
    tally.expect(f"{label}: period", fields.number("period") <= LAST_PERIOD)
    j = fields.number("j")
    values = [linkage_value(seed, j) for seed in seeds]
    for name, value in zip(("value_41", "value_42"), values):
        tally.equal(f"{label}: {name}", fields.bytes(name), value)
    tally.equal(f"{label}: subject", fields.bytes("subject"), subject_of(*values))
    for authority, seed in zip((0x41, 0x42), seeds):
        name = f"seed_{authority:x}_ten_on"
        tally.equal(f"{label}: {name}", fields.bytes(name), seed_after(authority, seed, 10))
    expect_all_read(tally, label, fields)


def check_period(tally, _contexts, fields, label):
    boundary, time, stated = fields.number("boundary"), fields.number("time"), fields.optional("period")
    period = period_at(time, boundary)
    tally.equal(f"{label}: period", stated, period)
    times = None if period is None else period_times(period, boundary)
    tally.equal(f"{label}: start, end, expiry", fields.optional("start_end_expiry"), times)
    expect_all_read(tally, label, fields)


def check_published(tally, _contexts, fields, label):
    section = fields.bytes("section")
    boundary, per_period, entries = check_revoked_seeds(Reader("revoked seeds", section), section)
    tally.equal(f"{label}: boundary", fields.number("boundary"), boundary)
    tally.equal(f"{label}: per_period", fields.number("per_period"), per_period)
    tally.equal(f"{label}: entries", fields.list("entries"), [entry.hex() for entry in entries])
    head = encode_number(boundary, 4) + encode_number(per_period, 4)
    tally.equal(f"{label}: section", section, head + b"".join(entries))
    periods = range(fields.number("first_period"), fields.number("last_period") + 1)
    found = [recognised(entry, period, per_period) for entry in entries for period in periods]
    subjects = sorted(subject.hex() for group in found for subject in group)
    tally.equal(f"{label}: subjects", fields.list("subjects"), subjects)
    expect_all_read(tally, label, fields)


def check_pairwise(tally, fields, label, binding, plain):
    key, nonce, sealed = (fields.bytes(name) for name in ("key", "nonce", "sealed"))
    tally.equal(f"{label}: associated", fields.bytes("associated"), binding)
    tally.equal(f"{label}: cipher_key", fields.bytes("cipher_key"), cipher_key(key, binding))
    tally.equal(f"{label}: sealed", sealed, seal_pairwise(key, binding, nonce, plain))
    tally.equal(f"{label}: opens", open_pairwise(label, key, binding, sealed), plain)
    expect_all_read(tally, label, fields)


def check_sealed_value(tally, _contexts, fields, label):
    binding = value_binding(fields.number("authority"), fields.number("period"), fields.bytes("commitment"))
    check_pairwise(tally, fields, label, binding, fields.bytes("value"))


def check_clearing_tag(tally, _contexts, fields, label):
    period = fields.optional("period")
    if period is not None and period > LAST_PERIOD:
        raise FieldError("period is beyond the last")
    check_pairwise(tally, fields, label, tag_binding(period), fields.bytes("account"))


def check_issuance(tally, _contexts, fields, label):
    profiles = []
    for number, item in enumerate(map(Fields, fields.list("profiles"))):
        names = ("id", "sectors", "tariff", "spend_limit", "budget", "currency")
        profiles.append(Profile(*(item.number(name) for name in names)))
        expect_all_read(tally, f"{label}: profiles[{number}]", item)
    numbers = [fields.number(name) for name in ("boundary", "per_period")]
    issuance, data = Issuance(*numbers, fields.bytes("issuer_key"), profiles), fields.bytes("bytes")
    tally.equal(f"{label}: bytes", data, issuance.encode())
    tally.equal(f"{label}: parses to the same", Issuance.parse(data), issuance)
    expect_all_read(tally, label, fields)


def check_pseudonym(tally, contexts, fields, label):
    authority = context_of(contexts, fields).authority
    u = authority.curve.decode_secret(fields.bytes("u"))
    content = check_item(tally, authority, fields, label, u)
    check_issue(tally, authority, fields, label, u, content)
    expect_all_read(tally, label, fields)
    return authority.curve.name


def check_item(tally, authority, fields, label, u):
    curve = authority.curve
    challenge = item_challenge(fields.bytes("request_challenge"), fields.number("j"))
    tally.equal(f"{label}: challenge", fields.bytes("challenge"), challenge)
    point = curve.encode(curve.multiply_base(u))
    tally.equal(f"{label}: U = uG", fields.bytes("U"), point)
    period, salt, response_key = fields.number("period"), fields.bytes("salt"), fields.bytes("response_key")
    message, signer = bytes([3]) + encode_number(period, 4) + challenge, Signer.point(point)
    possession = sign(authority, signer, u, POSSESSION, message, fields.bytes("random"))
    tally.equal(f"{label}: possession", fields.bytes("possession"), possession)
    tally.accepts(f"{label}: possession holds", verify, authority, signer, POSSESSION, message, possession)
    commitment = commitment_to(point, salt)
    tally.equal(f"{label}: commitment", fields.bytes("commitment"), commitment)
    content = Content(curve.suite, period, point, possession, salt, response_key)
    tally.equal(f"{label}: content", fields.bytes("content"), content.encode())
    secret, public = fields.bytes("issuer_secret"), fields.bytes("issuer_key")
    tally.equal(f"{label}: issuer_key", public, x25519(secret, BASE))
    tally.equal(f"{label}: info", fields.bytes("info"), item_info(authority))
    tally.equal(f"{label}: associated", fields.bytes("associated"), challenge + commitment)
    sealed = fields.bytes("sealed_item")
    resealed = seal_item(authority, challenge, public, content, fields.bytes("ikm_e"))
    tally.equal(f"{label}: sealed_item", sealed, resealed)
    tally.equal(f"{label}: the item opens", open_item(authority, challenge, commitment, secret, sealed), content)
    return content


def check_issue(tally, authority, fields, label, u, content):
    curve = authority.curve
    profile, boundary = Profile.parse(fields.bytes("profile")), fields.number("boundary")
    subject = subject_of(fields.bytes("value_41"), fields.bytes("value_42"))
    credential_data, s_data = fields.bytes("credential"), fields.bytes("s")
    credential, s = Credential.parse(credential_data), curve.decode_scalar(s_data)
    identity = profile.identity(authority, subject, content.period, boundary).encode()
    tally.equal(f"{label}: identity", credential_data[:IDENTITY_SIZE], identity)
    fits = archive_binds(authority, credential, curve.decode(content.point), s)
    tally.expect(f"{label}: the credential and s bind U", fits)
    commitment = commitment_to(content.point, content.salt)
    tally.equal(f"{label}: answer_nonce", fields.bytes("answer_nonce"), commitment[:12])
    tally.equal(f"{label}: answer_associated", fields.bytes("answer_associated"), answer_binding(commitment))
    answer = fields.bytes("sealed_answer")
    tally.equal(f"{label}: sealed_answer", answer, seal_answer(content.response_key, commitment, credential_data, s_data))
    opened = open_answer(content.response_key, commitment, answer)
    tally.equal(f"{label}: the answer opens", opened, (credential_data, s_data))
    issuance = Issuance(boundary, 1, fields.bytes("issuer_key"), [profile])
    arguments = (authority, issuance, profile.number, content.period, u, *opened)
    tally.accepts(f"{label}: the wallet takes it", check_answer, *arguments)
    d = (credential_scalar(authority, credential_data) * u + s) % curve.n
    tally.equal(f"{label}: d = e*u + s", fields.bytes("d"), curve.encode_scalar(d))
    key = public_key(authority, credential)
    tally.equal(f"{label}: Q = e*P + D", fields.bytes("Q"), curve.encode(key))
    tally.equal(f"{label}: Q = dG", key, curve.multiply_base(d))


def check_request(tally, contexts, fields, label):
    context = context_of(contexts, fields)
    period, challenge, body = fields.number("period"), fields.bytes("challenge"), fields.bytes("body")
    lists = [[bytes.fromhex(text) for text in fields.list(name)] for name in ("commitments", "sealed_items")]
    tally.expect(f"{label}: an item for each commitment", len(lists[0]) == len(lists[1]))
    items = list(zip(*lists))
    tally.equal(f"{label}: body", body, encode_request(period, challenge, items))
    tally.equal(f"{label}: the body reads", read_request(body), (period, challenge, items))
    expect_all_read(tally, label, fields)
    return context.curve.name


def check_rfc_9180(tally, _contexts, fields, label):
    names = ("ikm_e", "ikm_r", "info", "associated", "plaintext", "enc", "ciphertext")
    ikm_e, ikm_r, info, associated, plaintext, enc, ciphertext = (fields.bytes(name) for name in names)
    (sk_e, pk_e), (sk_r, pk_r) = derive_key_pair(ikm_e), derive_key_pair(ikm_r)
    shared = shared_secret(sk_e, pk_r, pk_e, pk_r)
    key, nonce = key_schedule(shared, info)
    computed = {
        "sk_e": sk_e, "sk_r": sk_r, "pk_r": pk_r, "enc": pk_e, "shared_secret": shared, "key": key, "base_nonce": nonce,
        "ciphertext": Gcm(key).seal(nonce, plaintext, associated),
    }
    for name, value in computed.items():
        tally.equal(f"{label}: {name}", fields.bytes(name), value)
    tally.equal(f"{label}: seals", hpke_seal(pk_r, info, associated, plaintext, ikm_e), enc + ciphertext)
    tally.equal(f"{label}: opens", hpke_open(sk_r, info, associated, enc + ciphertext), plaintext)
    expect_all_read(tally, label, fields)


SECTIONS = {
    "linkage": check_linkage,
    "periods": check_period,
    "published": check_published,
    "sealed_values": check_sealed_value,
    "clearing_tags": check_clearing_tag,
    "issuance": check_issuance,
    "pseudonyms": check_pseudonym,
    "requests": check_request,
}


def check_pseudonym_file(tally, document, contexts, label):
    """Checks a whole file; returns how many vectors each section has."""
    fields = Fields(document)
    counts, found = check_sections(tally, contexts, fields, label, SECTIONS, LEAST)
    with tally.guarded(f"{label}: rfc_9180"):
        check_rfc_9180(tally, contexts, fields.object("rfc_9180"), f"{label}: rfc_9180")
    for section in ("pseudonyms", "requests"):
        tally.equal(f"{label}: {section} of every suite", found[section], set(SUITE_NAMES))
    check_whose_requests(tally, document, label)
    expect_all_read(tally, label, fields)
    return counts


def check_whose_requests(tally, document, label):
    """Each request asks for pseudonyms of its suite that the file has, in order."""
    def items(suite):
        return [item["sealed_item"] for item in document["pseudonyms"] if item.get("suite") == suite]

    for number, request in enumerate(document["requests"]):
        with tally.guarded(f"{label}: requests[{number}]"):
            suite, sealed = Fields(request).text("suite"), Fields(request).list("sealed_items")
            tally.equal(f"{label}: requests[{number}] asks for its suite's pseudonyms", sealed, items(suite))
