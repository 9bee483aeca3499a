"""Checks every field of a scheme-<suite>.json by computing it again."""

from .batch import batch_coefficients
from .checking import FieldError, Fields, check_sections, expect_all_read
from .credential import PSEUDONYM, TERMINAL, Credential, Identity, credential_scalar, public_key
from .curve import SUITE_NAMES
from .issuing import archive_binds, complete, verify_possession
from .misuse import FINDINGS, NOTHING, judge
from .parameters import Authority, AuthoritySecret, identity_index
from .signature import BY_CREDENTIAL, BY_INSTITUTION, BY_POINT, BY_ROTATION, VOUCHER, Signer, sign, verify
from .tap import Upload
from .terminal import REASONS, decide
from .wire import Refused

LEAST = {"credentials": 8, "institutions": 3, "signatures": 14, "taps": 10, "uploads": 2, "misuse": 4}
SIGNER_FIELDS = ("credential", "institution", "point", "rotation")


class Context:
    """One suite's authority with its secrets, and the secret keys that its file discloses."""

    def __init__(self, document):
        fields = Fields(document)
        name = fields.text("suite")
        if name not in SUITE_NAMES:
            raise FieldError(f"suite {name} is not known")
        self.curve = SUITE_NAMES[name]
        stated = fields.object("authority")
        self.secret = AuthoritySecret.from_test_seed(self.curve, stated.bytes("seed"))
        self.authority = Authority(self.secret.parameters(stated.number("created"), stated.text("name")))
        self.credential_keys = {}
        self.point_keys = {}
        self.institution_names = []
        for item in map(Fields, fields.list("credentials")):
            self.credential_keys[item.bytes("credential")] = int.from_bytes(item.bytes("d"), "big")
            self.point_keys[item.bytes("U")] = int.from_bytes(item.bytes("u"), "big")

    def secret_key(self, signer):
        """The secret key of a signer, or None when this file does not disclose it."""
        if signer.kind == BY_CREDENTIAL:
            return self.credential_keys.get(signer.body)
        if signer.kind == BY_POINT:
            return self.point_keys.get(signer.body)
        if signer.kind == BY_INSTITUTION:
            return self.secret.institution_secret(self.authority.id, signer.body[1:].decode("ascii"))
        return self.secret.rotation


def signer_of(fields):
    """The one signer named among the four keys."""
    named = [name for name in SIGNER_FIELDS if name in fields]
    if len(named) != 1:
        raise FieldError(f"not one signer but {named}")
    if named[0] == "credential":
        return Signer.credential(fields.bytes("credential"))
    if named[0] == "institution":
        return Signer.institution(fields.text("institution"))
    if named[0] == "point":
        return Signer.point(fields.bytes("point"))
    if fields.optional("rotation") is not True:
        raise FieldError("rotation is not true")
    return Signer.rotation()


def check_authority(tally, context, fields, label):
    authority = context.authority
    fields.bytes("seed")
    fields.number("created")
    fields.text("name")
    parameters = fields.bytes("parameters")
    tally.equal(f"{label}: parameters", parameters, authority.data)
    tally.equal(f"{label}: authority_id", fields.bytes("authority_id"), authority.id)
    tally.accepts(f"{label}: parameters parse", Authority, parameters)
    expect_all_read(tally, label, fields)


def check_credential(tally, context, fields, label):
    curve, authority = context.curve, context.authority
    identity_data, credential_data = fields.bytes("identity"), fields.bytes("credential")
    identity, credential = Identity.parse(identity_data), Credential.parse(credential_data)
    u, k, s, d = (curve.decode_secret(fields.bytes(name)) for name in ("u", "k", "s", "d"))
    point = curve.multiply_base(u)

    tally.equal(f"{label}: identity is canonical", identity_data, identity.encode())
    tally.equal(f"{label}: credential begins with the identity", credential.identity_data, identity_data)
    tally.equal(f"{label}: U = uG", fields.bytes("U"), curve.encode(point))
    reconstruction_point = curve.add(point, curve.multiply_base(k))
    tally.equal(f"{label}: P = U + kG", credential.reconstruction_point, curve.encode(reconstruction_point))
    tally.equal(f"{label}: digits", fields.text("digits"), identity_index(authority.id, identity_data).hex())

    m = context.secret.matrix_secret(authority.id, identity_data)
    matrix_point = authority.matrix_point(identity_data)
    tally.equal(f"{label}: D", fields.bytes("D"), curve.encode(matrix_point))
    tally.equal(f"{label}: D = mG", matrix_point, curve.multiply_base(m))
    e = credential_scalar(authority, credential_data)
    tally.equal(f"{label}: e", fields.bytes("e"), curve.encode_scalar(e))
    tally.equal(f"{label}: s = e*k + m", s, (e * k + m) % curve.n)
    tally.equal(f"{label}: d = e*u + s", d, (e * u + s) % curve.n)
    tally.equal(f"{label}: the holder's check gives d", complete(authority, identity_data, credential_data, u, s), d)
    tally.expect(f"{label}: the archive binds U", archive_binds(authority, credential, point, s))
    key = public_key(authority, credential)
    tally.equal(f"{label}: Q = e*P + D", fields.bytes("Q"), curve.encode(key))
    tally.equal(f"{label}: Q = dG", key, curve.multiply_base(d))

    period = fields.number("period") if identity.holder_class == PSEUDONYM else None
    nonce, possession = fields.bytes("offer_nonce"), fields.bytes("possession")
    arguments = (authority, identity_data, nonce, period, curve.encode(point), possession)
    tally.accepts(f"{label}: possession", verify_possession, *arguments)
    expect_all_read(tally, label, fields)


def check_institution(tally, context, fields, label):
    curve, authority = context.curve, context.authority
    name = fields.text("name")
    d = context.secret.institution_secret(authority.id, name)
    key = authority.institution_key(name)
    tally.equal(f"{label}: d", fields.bytes("d"), curve.encode_scalar(d))
    tally.equal(f"{label}: Q", fields.bytes("Q"), curve.encode(key))
    tally.equal(f"{label}: Q = dG", key, curve.multiply_base(d))
    context.institution_names.append(name)
    expect_all_read(tally, label, fields)


def check_signature(tally, context, fields, label):
    authority = context.authority
    signer, purpose = signer_of(fields), fields.number("purpose")
    message, random, signature = (fields.bytes(name) for name in ("message", "random", "signature"))
    tally.accepts(f"{label}: verifies", verify, authority, signer, purpose, message, signature)
    secret = context.secret_key(signer)
    if secret is None:
        tally.expect(f"{label}: can be made again", False, "its secret key is not in this file")
    else:
        made = sign(authority, signer, secret, purpose, message, random)
        tally.equal(f"{label}: made again from its randomness", signature, made)
    expect_all_read(tally, label, fields)
    return signer.kind, purpose


def check_tap(tally, context, fields, label):
    select, challenge, presentation = (fields.bytes(name) for name in ("select", "challenge", "presentation"))
    verdict = decide(context.authority, select, challenge, presentation, fields.number("now"))
    accepted, reason = fields.boolean("accepted"), fields.optional("reason")
    why = f"the file says {accepted} ({reason}), recomputed is {verdict.accepted} ({verdict.reason}): {verdict.why}"
    tally.expect(f"{label}: accepted", accepted == verdict.accepted, why)
    tally.expect(f"{label}: reason", (reason or None) == verdict.reason, why)
    tally.expect(f"{label}: reason is of the closed list", not reason or reason in REASONS, str(reason))
    expect_all_read(tally, label, fields)
    return accepted


def check_upload(tally, context, fields, label):
    upload = Upload.parse(fields.bytes("upload"))
    tally.accepts(f"{label}: the header's signature", upload.verify, context.authority)
    tally.accepts(f"{label}: {len(upload.records)} records", upload.verify_records, context.authority)
    # A bad hint rejects nothing in the scheme; but in a vector it would be a mistake of who wrote it.
    tally.equal(f"{label}: hints", 2 * len(upload.hints), upload.usable_hints(context.curve))
    computed = batch_coefficients(context.authority, fields.bytes("batch_secret"), upload.claims())
    tally.equal(f"{label}: coefficients", fields.list("coefficients"), [coefficient.hex() for coefficient in computed])
    expect_all_read(tally, label, fields)


def check_misuse(tally, context, fields, label):
    proves = fields.text("proves")
    items = fields.bytes("first"), fields.bytes("second")
    tally.expect(f"{label}: proves is of the closed list", proves in FINDINGS, proves)
    tally.equal(f"{label}: proves", proves, judge(context.authority, items))
    tally.equal(f"{label}: the order of the items does not matter", proves, judge(context.authority, items[::-1]))
    expect_all_read(tally, label, fields)
    return proves


SECTIONS = {
    "credentials": check_credential,
    "institutions": check_institution,
    "signatures": check_signature,
    "taps": check_tap,
    "uploads": check_upload,
    "misuse": check_misuse,
}


def check_scheme_file(tally, document, context, label):
    """Checks a whole file; returns how many vectors each section has."""
    fields = Fields(document)
    tally.equal(f"{label}: suite", fields.text("suite"), context.curve.name)
    with tally.guarded(f"{label}: authority"):
        check_authority(tally, context, fields.object("authority"), f"{label}: authority")
    counts, seen = check_sections(tally, context, fields, label, SECTIONS, LEAST)
    expect_all_read(tally, label, fields)
    check_coverage(tally, context, seen, label)
    return counts


def check_coverage(tally, context, seen, label):
    kinds = {kind for kind, _ in seen["signatures"] - {None}}
    purposes = {purpose for _, purpose in seen["signatures"] - {None}}
    tally.equal(f"{label}: every signer signs", sorted(kinds), [BY_CREDENTIAL, BY_INSTITUTION, BY_POINT, BY_ROTATION])
    tally.equal(f"{label}: every purpose is signed", sorted(purposes), list(range(1, VOUCHER + 1)))
    tally.expect(f"{label}: taps of both verdicts", seen["taps"] >= {True, False})
    tally.expect(f"{label}: misuse that proves and that does not", seen["misuse"] > {NOTHING})
    names = context.institution_names
    tally.expect(f"{label}: each institution once", len(set(names)) == len(names) <= 63)
    classes = set()
    for data in context.credential_keys:
        try:
            classes.add(Credential.parse(data).identity.holder_class)
        except Refused:
            continue  # counted where the credential itself was checked
    tally.expect(f"{label}: cards and terminals", classes >= {1, TERMINAL}, str(classes))
