"""Webhooks by a receiver of somebody else: Python's TLS, HTTP and HMAC, and the lines that docs/webhooks.md shows."""

import asyncio
import http.server
import json
import pathlib
import queue
import re
import shutil
import ssl
import tempfile
import threading
import unittest

from client import Customer
from server import ROOT, Server
from tls import certificate

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = """
[[webhooks]]
name = "crm"
url = "https://127.0.0.1:{port}/in"
events = ["conversation.opened", "message.received"]
secret_file = "crm.key"
ca_file = "hook.pem"
include_text = true
"""


def documented_check():
    page = (ROOT / "docs" / "webhooks.md").read_text()
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1), names)
    return names["verified"]


class WebhookTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="tradewind-hooks-")
        self.addCleanup(folder.cleanup)
        shop = pathlib.Path(folder.name) / "shops" / "demo"
        shutil.copytree(ROOT / "config" / "demo", shop)
        chain, key = certificate(shop, "hook")
        self.came: queue.Queue = queue.Queue()
        came = self.came

        class Hook(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                came.put(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *arguments) -> None:
                pass

        receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        self.addCleanup(receiver.server_close)
        self.addCleanup(receiver.shutdown)
        (shop / "crm.key").write_text(SECRET + "\n")
        with open(shop / "shop.toml", "a") as file:
            file.write(HOOK.format(port=receiver.server_port))
        self.server = Server(f"shops={shop.parent}", "webhooks.reach=anywhere")
        self.server.start()
        self.addCleanup(self.server.stop)

    async def test_what_comes_over_tls_is_signed_as_the_page_says(self) -> None:
        said = "¿Dónde está mi pedido? ✓"
        customer = await Customer(self.server.url).connect()
        conversation = (await customer.send(None, said))["conversation"]

        told = {}
        for _ in range(2):
            headers, body = await asyncio.to_thread(self.came.get, True, 30)
            verified = documented_check()
            self.assertTrue(verified(SECRET, headers, body))
            self.assertFalse(verified(SECRET, headers, body + b" "))
            self.assertFalse(verified("whsec_" + "A" * 32, headers, body))
            self.assertRegex(headers["webhook-id"], r"^[0-9a-f]{32}$")
            payload = json.loads(body)
            told[payload["type"]] = payload["data"]
        await customer.close()

        self.assertEqual(set(told), {"conversation.opened", "message.received"})
        self.assertEqual({data["conversation"] for data in told.values()}, {conversation})
        self.assertEqual(told["message.received"]["text"], said)
