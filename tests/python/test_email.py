"""E-mail against a mail server of somebody else: STARTTLS, sign-in, headers and text as they arrive."""

import asyncio
import email
import email.policy
import pathlib
import ssl
import tempfile
import time
import unittest
import urllib.request

from aiosmtpd.smtp import SMTP, AuthResult

from client import Customer, accept, make_ready, take_seat
from server import Server
from tls import certificate

USER, PASSWORD = b"router", b"s3cret"


class Mailbox:
    """Keeps what is delivered."""

    def __init__(self) -> None:
        self.letters: asyncio.Queue = asyncio.Queue()

    async def handle_DATA(self, server, session, envelope) -> str:
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        await self.letters.put((envelope, letter, session.ssl is not None))
        return "250 kept"


def sign_in(server, session, envelope, mechanism, data) -> AuthResult:
    return AuthResult(success=data.login == USER and data.password == PASSWORD)


class EmailTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="tradewind-mail-")
        self.addCleanup(folder.cleanup)
        folder = pathlib.Path(folder.name)
        chain, key = certificate(folder, "mail")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(chain, key)
        self.mailbox = Mailbox()
        def session() -> SMTP:
            return SMTP(
                self.mailbox, hostname="mail.example", tls_context=context, require_starttls=True,
                auth_required=True, authenticator=sign_in,
            )

        mail = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
        self.addCleanup(mail.close)
        port = mail.sockets[0].getsockname()[1]
        password = folder / "password"
        password.write_bytes(PASSWORD + b"\n")
        self.server = Server(
            f"email.server=127.0.0.1:{port}", f"email.roots={chain}", f"email.user={USER.decode()}",
            f"email.password_file={password}", "email.from=help@shop.example",
            "email.reply_to=reply@shop.example",
        )
        self.server.start()
        self.addCleanup(self.server.stop)

    async def test_an_answer_arrives_encrypted_signed_in_and_as_it_was_written(self) -> None:
        customer = await Customer(self.server.url).connect()
        said = "Quiero hablar con una persona, mi correo es ana@example.org"
        conversation = (await customer.send(None, said))["conversation"]
        seat = await take_seat(self.server.url, "lucia")
        await make_ready(seat)
        await accept(seat, conversation)
        await customer.close()
        await asyncio.to_thread(self._nobody_is_connected)

        answer = "Su reembolso está en camino ✓\n.\n..una línea con puntos"
        await seat.send(conversation, answer)
        envelope, letter, encrypted = await asyncio.wait_for(self.mailbox.letters.get(), 30)
        await seat.close()

        self.assertTrue(encrypted)
        self.assertTrue(self.mailbox.letters.empty())
        self.assertEqual(envelope.rcpt_tos, ["ana@example.org"])
        self.assertEqual(letter["to"], "ana@example.org")
        self.assertIn("help@shop.example", letter["from"])
        self.assertTrue(letter["reply-to"].startswith("reply+"), letter["reply-to"])
        self.assertEqual(envelope.mail_from, letter["reply-to"])
        self.assertTrue(letter["subject"].startswith("Su consulta T-"), letter["subject"])
        self.assertRegex(letter["message-id"], r"^<[0-9a-f]{32}@shop\.example>$")
        self.assertIsNone(letter["auto-submitted"], "a person wrote it")
        self.assertEqual(letter.defects, [])
        text = letter.get_content().replace("\r\n", "\n")
        self.assertTrue(text.startswith(answer + "\n\n"), text)

    def _nobody_is_connected(self) -> None:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with urllib.request.urlopen(f"{self.server.url}/metrics", timeout=10) as response:
                if b"tradewind_gateway_widget_connections 0" in response.read():
                    return
        self.fail("the customer stays connected")
