"""MongoDB's client-side encryption (pymongo's ClientEncryption, libmongocrypt beneath) with its master keys in a running server.

usage: mongocrypt_client.py HOST:PORT BUNDLE-FOLDER FOREIGN-BUNDLE-FOLDER

No MongoDB server takes part: the key vault is a list in memory. Prints one JSON object: for each step what came of it. What this library
asks of a server: KMIP 1.0; Register of Secret Data with an empty Template-Attribute, Activate, Get; with `delegated` Create, Activate,
Encrypt, Decrypt.
"""

import json
import os
import sys
import tempfile

from bson.binary import STANDARD
from bson.codec_options import CodecOptions
from kmip.core import enums
from kmip.pie import client
from pymongo import MongoClient
from pymongo.encryption import Algorithm, ClientEncryption
from pymongo.errors import EncryptionError

outcomes = {}


class Vault(MongoClient):
    """A key vault of one collection, without a server: what ClientEncryption asks of its collection, and no more."""

    def __init__(self):
        super().__init__(connect=False)
        self.keys = []

    def __getitem__(self, name):
        return self

    def with_options(self, **options):
        return self

    def insert_one(self, key):
        self.keys.append(key)

    def find(self, wanted):
        identifiers = wanted["$or"][0]["_id"]["$in"]
        return Found(key for key in self.keys if key["_id"] in identifiers)


class Found(list):
    def __enter__(self):
        return iter(self)

    def __exit__(self, *failure):
        return False


def tls(folder):
    """pymongo wants certificate and key in one file."""
    both = os.path.join(scratch, os.path.basename(os.path.dirname(folder)) + ".pem")
    with open(both, "w") as out:
        for name in ("cert.pem", "key.pem"):
            with open(os.path.join(folder, name)) as part:
                out.write(part.read())
    return {"kmip": {"tlsCAFile": os.path.join(folder, "ca.pem"), "tlsCertificateKeyFile": both}}


def encryption(vault, folder=None):
    """A new one for each step: it caches data keys."""
    folder = folder or bundle
    options = CodecOptions(uuid_representation=STANDARD)
    return ClientEncryption({"kmip": {"endpoint": endpoint}}, "vault.keys", vault, options, kms_tls_options=tls(folder))


def opened(vault, sealed, folder=None):
    try:
        with encryption(vault, folder) as reader:
            return reader.decrypt(sealed)
    except EncryptionError as refusal:
        return "refused: %s" % refusal


def administrator():
    host, port = endpoint.split(":")
    files = {name: os.path.join(bundle, file) for name, file in (("cert", "cert.pem"), ("key", "key.pem"), ("ca", "ca.pem"))}
    return client.ProxyKmipClient(hostname=host, port=int(port), config_file=os.devnull, kmip_version=enums.KMIPVersion.KMIP_1_4, **files)


def data_key(name, master_key):
    """Makes a data key under a master key, and reads with it until the master key is destroyed."""
    vault = Vault()
    with encryption(vault) as writer:
        key = writer.create_data_key("kmip", master_key=master_key)
        sealed = writer.encrypt("what nobody may read", Algorithm.AEAD_AES_256_CBC_HMAC_SHA_512_Random, key_id=key)
    used = vault.keys[0]["masterKey"]
    outcomes[name + " master key"] = sorted(used)
    outcomes[name + " read"] = opened(vault, sealed)
    outcomes[name + " read by another tenant"] = opened(vault, sealed, foreign_bundle)

    with encryption(vault) as writer:
        again = writer.create_data_key("kmip", master_key=dict(master_key, keyId=used["keyId"]))
        sealed_again = writer.encrypt(42, Algorithm.AEAD_AES_256_CBC_HMAC_SHA_512_Deterministic, key_id=again)
    outcomes[name + " read under the same master key"] = opened(vault, sealed_again)

    with administrator() as kmip:
        kind, state = (kmip.get_attributes(used["keyId"], [wanted])[1][0].attribute_value.value.name for wanted in ("Object Type", "State"))
        outcomes[name + " as the server holds it"] = [kind, state]
        kmip.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, used["keyId"])
        outcomes[name + " read when revoked"] = opened(vault, sealed)
        kmip.destroy(used["keyId"])
    outcomes[name + " read when destroyed"] = opened(vault, sealed)


if __name__ == "__main__":
    endpoint, bundle, foreign_bundle = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        data_key("own", {})
        data_key("delegated", {"delegated": True})
    print(json.dumps(outcomes, indent=1))
