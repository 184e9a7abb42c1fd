"""PyKMIP's client against a running server, in one protocol version: every operation of its that the server lists, and some that it does not.

usage: pykmip_client.py CONFIGURATION-FILE KMIP_1_4 [SECTION...]

Prints one JSON object: for each step what came of it. A refusal is "refused: REASON". What the server encrypts, signs and wraps is checked
here against Python's own cryptography, never against the server alone.
"""

import datetime
import hashlib
import hmac
import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, keywrap, padding, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509.oid import NameOID
from kmip.core import enums
from kmip.core import exceptions as core_exceptions
from kmip.core import misc
from kmip.core import objects as core_objects
from kmip.core.factories import attributes
from kmip.pie import client, exceptions, objects

Algorithm = enums.CryptographicAlgorithm
Mask = enums.CryptographicUsageMask
Type = enums.AttributeType

factory = attributes.AttributeFactory()
make_attribute = factory.create_attribute
make_value = factory.value_factory.create_attribute_value_by_enum
outcomes = {}


def step(name, call):
    """Runs the call and notes its outcome under the name; gives back what the call gave, or None after a refusal."""
    try:
        value = call()
    except (exceptions.KmipOperationFailure, core_exceptions.OperationFailure) as refusal:
        outcomes[name] = refused(refusal.reason)
        return None
    outcomes[name] = value
    return value


def refused(reason):
    return "refused: %s" % reason.name


def made(name, call):
    """As step, for calls that give an identifier or bytes that differ from run to run."""
    value = step(name, call)
    if value is not None:
        outcomes[name] = "made"
    return value


def result_of(result, shown):
    """What KMIPProxy's own result objects say."""
    if result.result_status.value != enums.ResultStatus.SUCCESS:
        return refused(result.result_reason.value)
    return shown(result)


def attribute_value(c, uid, name):
    """One attribute as PyKMIP read it, or its absence."""
    found = [attribute.attribute_value for attribute in c.get_attributes(uid, [name])[1]]
    values = [getattr(value, "value", value) for value in found]
    plain = [value.name if hasattr(value, "name") else value for value in values]
    return plain[0] if len(plain) == 1 else plain


def readable(c, uid, name):
    """PyKMIP knows the names of attributes whose values it cannot read, and then raises whatever comes."""
    try:
        return [attribute.attribute_name.value for attribute in c.get_attributes(uid, [name])[1]] == [name]
    except Exception:
        return False


def state(c, uid):
    return attribute_value(c, uid, "State")


def query(c):
    functions = [enums.QueryFunction.QUERY_OPERATIONS, enums.QueryFunction.QUERY_OBJECTS, enums.QueryFunction.QUERY_SERVER_INFORMATION]
    answer = c.proxy.query(query_functions=functions)
    outcomes["query operations"] = result_of(answer, lambda it: sorted(operation.name for operation in it.operations))
    outcomes["query objects"] = result_of(answer, lambda it: sorted(kind.name for kind in it.object_types))
    outcomes["query vendor"] = result_of(answer, lambda it: it.vendor_identification.split()[0])


def discover_versions(c):
    if c.kmip_version == enums.KMIPVersion.KMIP_1_0:
        return  # which does not have it, and PyKMIP cannot read the refusal
    answer = c.proxy.discover_versions()
    outcomes["discover versions"] = result_of(answer, lambda it: ["%d.%d" % (v.major, v.minor) for v in it.protocol_versions])


def symmetric(c):
    cbc = {
        "cryptographic_algorithm": Algorithm.AES,
        "block_cipher_mode": enums.BlockCipherMode.CBC,
        "padding_method": enums.PaddingMethod.PKCS5,
    }
    iv = bytes(range(16))
    plain = b"attack at dawn, and again at dusk"
    key = made("create", lambda: c.create(Algorithm.AES, 256, name="pykmip aes", cryptographic_usage_mask=[Mask.WRAP_KEY]))
    step("state when created", lambda: state(c, key))
    secret = c.get(key)
    outcomes["get"] = [type(secret).__name__, secret.cryptographic_algorithm.name, secret.cryptographic_length, len(secret.value)]
    step("get attribute list", lambda: c.get_attribute_list(key))
    step("usage mask", lambda: attribute_value(c, key, "Cryptographic Usage Mask"))
    unread = [name for name in c.get_attribute_list(key) if not readable(c, key, name)]
    outcomes["attributes that PyKMIP cannot read"] = unread
    names = [name for name in c.get_attribute_list(key) if name not in unread]
    step("get every other attribute", lambda: sorted(a.attribute_name.value for a in c.get_attributes(key, names)[1]) == names)
    step("encrypt before activation", lambda: c.encrypt(plain, key, cbc, iv)[0].hex())
    step("activate", lambda: c.activate(key))
    step("activate again", lambda: c.activate(key))
    step("state when activated", lambda: state(c, key))

    sealed = made("encrypt", lambda: c.encrypt(plain, key, cbc, iv)[0])
    if sealed is not None:
        cipher = Cipher(algorithms.AES(secret.value), modes.CBC(iv)).decryptor()
        padder = padding.PKCS7(128).unpadder()
        opened = padder.update(cipher.update(sealed) + cipher.finalize()) + padder.finalize()
        outcomes["encrypted as AES-CBC has it"] = opened == plain
    step("decrypt", lambda: c.decrypt(sealed or bytes(48), key, cbc, iv).decode())
    if sealed is not None:
        chosen = c.encrypt(plain, key, dict(cbc, random_iv=True))
        outcomes["encrypt with the server's IV"] = [len(chosen[1]), c.decrypt(chosen[0], key, cbc, chosen[1]) == plain]
        step("decrypt altered", lambda: c.decrypt(sealed[:-1], key, cbc, iv).hex())

    wrapped = c.create(Algorithm.AES, 128, name="pykmip wrapped")
    specification = {
        "wrapping_method": enums.WrappingMethod.ENCRYPT,
        "encryption_key_information": {
            "unique_identifier": key,
            "cryptographic_parameters": {"block_cipher_mode": enums.BlockCipherMode.NIST_KEY_WRAP},
        },
        "encoding_option": enums.EncodingOption.NO_ENCODING,
    }
    bare = c.get(wrapped).value
    if c.kmip_version > enums.KMIPVersion.KMIP_1_0:  # 1.0 has no Encoding Option, and PyKMIP cannot read the Byte String that is its Key Value then
        step("get wrapped", lambda: keywrap.aes_key_unwrap(secret.value, c.get(wrapped, specification).value) == bare)

    by_name = make_attribute(Type.NAME, "pykmip aes")
    by_length = make_attribute(Type.CRYPTOGRAPHIC_LENGTH, 256)
    step("locate by name", lambda: c.locate(attributes=[by_name]) == [key])
    step("locate by name and length", lambda: c.locate(attributes=[by_name, by_length]) == [key])
    step("locate by state", lambda: c.locate(attributes=[make_attribute(Type.STATE, enums.State.ACTIVE)]) == [key])
    step("locate none", lambda: c.locate(attributes=[make_attribute(Type.NAME, "nobody")]))
    step("locate the newest", lambda: c.locate(maximum_items=1) == [wrapped])
    if c.kmip_version >= enums.KMIPVersion.KMIP_1_3:
        step("locate with an offset", lambda: c.locate(maximum_items=1, offset_items=1) == [key])

    step("create with a taken name", lambda: c.create(Algorithm.AES, 128, name="pykmip aes"))
    step("destroy when active", lambda: c.destroy(key))
    step("revoke", lambda: c.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, key, "enough"))
    step("state when revoked", lambda: state(c, key))
    step("encrypt when revoked", lambda: c.encrypt(plain, key, cbc, iv)[0].hex())
    step("destroy", lambda: c.destroy(key))
    step("get when destroyed", lambda: c.get(key).value.hex())
    step("encrypt when destroyed", lambda: c.encrypt(plain, key, cbc, iv)[0].hex())
    step("activate when destroyed", lambda: c.activate(key))

    lost = c.create(Algorithm.AES, 128, name="pykmip lost")
    c.activate(lost)
    code = enums.RevocationReasonCode.KEY_COMPROMISE
    step("revoke as compromised", lambda: c.revoke(code, lost, "found in a log", compromise_occurrence_date=1700000000))
    step("state when compromised", lambda: state(c, lost))
    step("destroy when compromised", lambda: c.destroy(lost))


def key_pairs(c):
    masks = {"public_usage_mask": [Mask.VERIFY, Mask.ENCRYPT], "private_usage_mask": [Mask.SIGN, Mask.DECRYPT]}
    names = {"public_name": "pykmip public", "private_name": "pykmip private"}
    pair = made("create key pair", lambda: c.create_key_pair(Algorithm.RSA, 2048, **names, **masks))
    public, private = pair
    shown = c.get(public)
    outcomes["get public key"] = [type(shown).__name__, shown.key_format_type.name, shown.cryptographic_length]
    shown = c.get(private)
    outcomes["get private key"] = [type(shown).__name__, shown.key_format_type.name, shown.cryptographic_length]
    asked = c.proxy.get(private, key_format_type=misc.KeyFormatType(enums.KeyFormatType.PKCS_8))
    outcomes["get private key as PKCS #8"] = result_of(asked, lambda it: pkcs8_length(it.secret.key_block))
    verifier = serialization.load_der_public_key(c.get(public).value)
    c.activate(public)
    c.activate(private)
    for padded, check in (
        ({"padding_method": enums.PaddingMethod.PKCS1v15}, rsa_padding.PKCS1v15()),
        ({"padding_method": enums.PaddingMethod.PSS}, rsa_padding.PSS(rsa_padding.MGF1(hashes.SHA256()), rsa_padding.PSS.AUTO)),
    ):
        name = padded["padding_method"].name
        parameters = dict(padded, cryptographic_algorithm=Algorithm.RSA, hashing_algorithm=enums.HashingAlgorithm.SHA_256)
        signature = made("sign " + name, lambda: c.sign(b"message", private, parameters))
        if signature is not None:
            verifier.verify(signature, b"message", check, hashes.SHA256())
        step("verify " + name, lambda: c.signature_verify(b"message", signature or bytes(256), public, parameters).name)
        step("verify other " + name, lambda: c.signature_verify(b"another", signature or bytes(256), public, parameters).name)
    oaep = {
        "cryptographic_algorithm": Algorithm.RSA,
        "padding_method": enums.PaddingMethod.OAEP,
        "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
    }
    mgf = rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    step("decrypt OAEP", lambda: c.decrypt(verifier.encrypt(b"for one reader", mgf), private, oaep).decode())
    step("encrypt with a private key", lambda: c.encrypt(b"x", private, oaep)[0].hex())

    names = {"public_name": "pykmip EC public", "private_name": "pykmip EC private"}
    masks = {"public_usage_mask": [Mask.VERIFY], "private_usage_mask": [Mask.SIGN]}
    pair = made("create EC key pair", lambda: c.create_key_pair(elliptic(c), 256, **names, **masks))
    public, private = pair
    shown = c.get(public)
    outcomes["get EC public key"] = [type(shown).__name__, shown.key_format_type.name, shown.cryptographic_length]
    verifier = serialization.load_der_public_key(shown.value)
    c.activate(private)
    parameters = {"cryptographic_algorithm": Algorithm.ECDSA, "hashing_algorithm": enums.HashingAlgorithm.SHA_256}
    signature = made("sign ECDSA", lambda: c.sign(b"message", private, parameters))
    if signature is not None:
        verifier.verify(signature, b"message", ec.ECDSA(hashes.SHA256()))


def pkcs8_length(block):
    value = block.key_value.key_material.value
    return [block.key_format_type.value.name, serialization.load_der_private_key(value, None).key_size]


def elliptic(c):
    """The algorithm EC came with KMIP 1.4; before it a curve's key says what it is for."""
    return Algorithm.EC if c.kmip_version >= enums.KMIPVersion.KMIP_1_4 else Algorithm.ECDSA


def registered(c):
    parts = [
        ("symmetric key", objects.SymmetricKey(Algorithm.AES, 128, bytes(range(16)), [Mask.ENCRYPT], "pykmip symmetric")),
        ("secret data", objects.SecretData(b"password", enums.SecretDataType.PASSWORD, [Mask.VERIFY], "pykmip secret")),
        ("opaque object", objects.OpaqueObject(b"anything", enums.OpaqueDataType.NONE, "pykmip opaque")),
        ("certificate", objects.X509Certificate(certificate(), [Mask.VERIFY], "pykmip certificate")),
        ("private key", private_key(elliptic(c))),
        ("public key", public_key(elliptic(c))),
        ("split key", split_key()),
    ]
    for name, thing in parts:
        uid = made("register " + name, lambda: c.register(thing))
        step("get " + name + " back", lambda: [type(c.get(uid)).__name__, c.get(uid).value == thing.value])
        step("locate " + name, lambda: c.locate(attributes=[make_attribute(Type.NAME, thing.names[0])]) == [uid])
    step("register a taken name", lambda: c.register(parts[1][1]))
    step("register a wrong length", lambda: c.register(wrong_length()))

    key = bytes(range(32))
    uid = c.register(objects.SymmetricKey(Algorithm.HMAC_SHA256, 256, key, [Mask.MAC_GENERATE], "pykmip hmac"))
    c.activate(uid)
    expected = hmac.new(key, b"data", hashlib.sha256).digest()
    step("mac", lambda: c.mac(b"data", uid, Algorithm.HMAC_SHA256)[1] == expected)


def certificate():
    signer = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pykmip")])
    start = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder(name, name, signer.public_key(), 1, start, start + datetime.timedelta(days=3650))
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def wrong_length():
    """A key whose block says 256 bits over 16 bytes; PyKMIP itself would refuse to make it so."""
    key = objects.SymmetricKey(Algorithm.AES, 128, bytes(16), name="pykmip wrong")
    key.cryptographic_length = 256
    return key


def private_key(algorithm):
    key = ec.generate_private_key(ec.SECP256R1())
    value = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return objects.PrivateKey(algorithm, 256, value, enums.KeyFormatType.PKCS_8, [Mask.SIGN], "pykmip registered private")


def public_key(algorithm):
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    value = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return objects.PublicKey(algorithm, 256, value, enums.KeyFormatType.X_509, [Mask.VERIFY], "pykmip registered public")


def split_key():
    return objects.SplitKey(
        Algorithm.AES, 128, bytes(16), [Mask.EXPORT], "pykmip split", split_key_parts=3, key_part_identifier=1,
        split_key_threshold=2, split_key_method=enums.SplitKeyMethod.XOR,
    )


def attribute_changes(c):
    uid = c.create(Algorithm.AES, 128, name="pykmip named")
    step("modify name", lambda: renamed(c, uid, "pykmip named", "pykmip renamed"))
    step("located by its new name", lambda: c.locate(attributes=[make_attribute(Type.NAME, "pykmip renamed")]) == [uid])
    step("located by its old name", lambda: c.locate(attributes=[make_attribute(Type.NAME, "pykmip named")]))
    step("delete name", lambda: unnamed(c, uid, "pykmip renamed"))
    step("located by its deleted name", lambda: c.locate(attributes=[make_attribute(Type.NAME, "pykmip renamed")]))
    step("add a name by modifying", lambda: renamed(c, uid, "nobody", "pykmip again"))
    step("modify state", lambda: modified(c, uid, Type.STATE, enums.State.ACTIVE))
    step("modify length", lambda: modified(c, uid, Type.CRYPTOGRAPHIC_LENGTH, 256))
    step("delete state", lambda: deleted(c, uid, "State"))


def has_templates(c):
    return c.kmip_version < enums.KMIPVersion.KMIP_2_0


def renamed(c, uid, old, new):
    if has_templates(c):
        return c.modify_attribute(uid, attribute=make_attribute(Type.NAME, new, index=0))[0] == uid
    current = core_objects.CurrentAttribute(make_value(enums.Tags.NAME, old))
    return c.modify_attribute(uid, current_attribute=current, new_attribute=core_objects.NewAttribute(make_value(enums.Tags.NAME, new)))[0] == uid


def unnamed(c, uid, name):
    if has_templates(c):
        return c.delete_attribute(uid, attribute_name="Name", attribute_index=0)[0] == uid
    return c.delete_attribute(uid, current_attribute=core_objects.CurrentAttribute(make_value(enums.Tags.NAME, name)))[0] == uid


def modified(c, uid, kind, value):
    if has_templates(c):
        return c.modify_attribute(uid, attribute=make_attribute(kind, value))[0] == uid
    tag = enums.convert_attribute_name_to_tag(kind.value)
    return c.modify_attribute(uid, new_attribute=core_objects.NewAttribute(make_value(tag, value)))[0] == uid


def deleted(c, uid, name):
    if has_templates(c):
        return c.delete_attribute(uid, attribute_name=name)[0] == uid
    current = make_value(enums.convert_attribute_name_to_tag(name), enums.State.PRE_ACTIVE)
    return c.delete_attribute(uid, current_attribute=core_objects.CurrentAttribute(current))[0] == uid


def derived(c):
    base = c.create(Algorithm.AES, 256, cryptographic_usage_mask=[Mask.DERIVE_KEY])
    c.activate(base)
    secret = c.get(base).value
    hmac_key = {"cryptographic_parameters": {"hashing_algorithm": enums.HashingAlgorithm.SHA_256}, "derivation_data": b"context"}
    hashed = {"cryptographic_parameters": {"hashing_algorithm": enums.HashingAlgorithm.SHA_256}}
    for method, parameters, expected in (
        (enums.DerivationMethod.HASH, hashed, hashlib.sha256(secret).digest()),
        (enums.DerivationMethod.HMAC, hmac_key, hmac.digest(secret, b"context", "sha256")),
    ):
        kind = dict(cryptographic_length=128, cryptographic_algorithm=Algorithm.AES)
        uid = made("derive key by " + method.name, lambda: c.derive_key(enums.ObjectType.SYMMETRIC_KEY, [base], method, parameters, **kind))
        if uid is not None:
            outcomes["derived by " + method.name] = c.get(uid).value == expected[:16]


def unlisted(c):
    """Operations that PyKMIP can ask for and this server does not list, and identifiers that nobody has."""
    uid = c.create(Algorithm.AES, 128)
    step("rekey", lambda: c.rekey(uid))
    if not has_templates(c):
        step("set attribute", lambda: c.set_attribute(uid, attribute_name="Sensitive", attribute_value=True))
    step("get an unknown identifier", lambda: c.get("no-such-object").value.hex())
    step("destroy an unknown identifier", lambda: c.destroy("no-such-object"))


sections = {
    "query": query,
    "versions": discover_versions,
    "symmetric": symmetric,
    "key-pairs": key_pairs,
    "registered": registered,
    "attributes": attribute_changes,
    "derived": derived,
    "unlisted": unlisted,
}

if __name__ == "__main__":
    configuration, version, *wanted = sys.argv[1:]
    with client.ProxyKmipClient(config_file=configuration, kmip_version=enums.KMIPVersion[version]) as connected:
        try:
            for section in wanted or sections:
                sections[section](connected)
        finally:
            print(json.dumps(outcomes, indent=1))
