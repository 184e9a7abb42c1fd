"""PyKMIP's own server, for comparison: python pykmip_server.py FOLDER PORT CERT KEY CA. Prints `ready` when it listens."""

import logging
import os
import sys
import threading

from kmip.services.server import KmipServer

folder, port, cert, key, ca = sys.argv[1:6]
os.makedirs(os.path.join(folder, "policies"), exist_ok=True)
server = KmipServer(
    hostname="127.0.0.1",
    port=int(port),
    certificate_path=cert,
    key_path=key,
    ca_path=ca,
    auth_suite="TLS1.2",
    config_path=None,
    log_path=os.path.join(folder, "server.log"),
    policy_path=os.path.join(folder, "policies"),
    enable_tls_client_auth=True,
    logging_level="ERROR",
    database_path=os.path.join(folder, "keys.db"),
)
logging.disable(logging.CRITICAL)
server.start()
print("ready", flush=True)
server.serve()
