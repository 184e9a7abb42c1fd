"""PyKMIP for npm run demo: takes one JSON request a line, answers with one JSON line.

usage: pykmip-demo.py BUNDLE-FOLDER

A request is {"port": 5696, "do": "create", ...}; an answer {"result": ...}, {"refused": REASON} or {"error": ...}. One connection for each
port, opened at its first request; {"do": "leave"} forgets it, for a node that was killed.
"""

import json
import os
import sys

from kmip import __version__
from kmip.core import enums
from kmip.pie import client, exceptions

AES = enums.CryptographicAlgorithm.AES
USAGE = [enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT]
CBC = {
    "cryptographic_algorithm": AES,
    "block_cipher_mode": enums.BlockCipherMode.CBC,
    "padding_method": enums.PaddingMethod.PKCS5,
}
clients = {}


def connected(port):
    if port not in clients:
        bundle = {name: os.path.join(sys.argv[1], name + ".pem") for name in ("ca", "cert", "key")}
        made = client.ProxyKmipClient(
            hostname="127.0.0.1",
            port=port,
            cert=bundle["cert"],
            key=bundle["key"],
            ca=bundle["ca"],
            config_file=os.devnull,
            kmip_version=enums.KMIPVersion.KMIP_1_4,
        )
        made.open()
        clients[port] = made
    return clients[port]


def create(c, request):
    return c.create(AES, 256, cryptographic_usage_mask=USAGE)


def get(c, request):
    return c.get(request["id"]).value.hex()


def encrypt(c, request):
    return c.encrypt(bytes.fromhex(request["data"]), request["id"], CBC, bytes.fromhex(request["iv"]))[0].hex()


def activate(c, request):
    return c.activate(request["id"])


def revoke(c, request):
    return c.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, request["id"])


def destroy(c, request):
    return c.destroy(request["id"])


def leave(c, request):
    clients.pop(request["port"])


ways = {way.__name__: way for way in (create, get, encrypt, activate, revoke, destroy, leave)}

print(json.dumps({"result": __version__}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"result": ways[request["do"]](connected(request["port"]), request)}
    except exceptions.KmipOperationFailure as refusal:
        answer = {"refused": refusal.reason.name.replace("_", " ").title()}
    except Exception as error:
        answer = {"error": "%s: %s" % (type(error).__name__, error)}
    print(json.dumps(answer), flush=True)
