"""What must not come in gets the documented answer, and nobody else notices."""

import asyncio
import base64
import json
import os
import time
import unittest
import urllib.parse

from client import Connection, Customer, Refused, accept, make_ready, new_id, post, take_seat
from schema import Watched
from server import Server
from test_conversation import COMPLAINT
from websockets.exceptions import InvalidStatus

FOREIGN = "https://shop.example.net"
TEXT_BYTES_MAX = 16 * 1024
FRAME_BYTES_MAX = 64 * 1024
HANDSHAKE_S = 5.0
SLACK_S = 2.5


class BadInput(Watched, unittest.IsolatedAsyncioTestCase):
    server: Server

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()

    async def asyncSetUp(self) -> None:
        # Two people who talk all the while: after each test they still do.
        self.url = self.server.url
        self.bystander_seat = await take_seat(self.url, "lucia")
        await make_ready(self.bystander_seat)
        self.bystander = await Customer(self.url).connect()
        ack = await self.bystander.send(None, COMPLAINT)
        self.talk = ack["conversation"]
        await self.bystander.say({"type": "person", "conversation": self.talk})
        await accept(self.bystander_seat, self.talk)

    async def asyncTearDown(self) -> None:
        self.assertTrue(self.server.alive(), self.server.log())
        self.assertNotIn("panicked", self.server.log())
        said = await self.bystander.send(self.talk, "¿Sigue ahí?")
        await self.bystander_seat.expect("event", id=said["id"])
        answer = await self.bystander_seat.send(self.talk, "Sí.")
        await self.bystander.expect("event", id=answer["id"])
        await self.bystander.say({"type": "close", "conversation": self.talk})
        await self.bystander_seat.expect("event", kind="closed", conversation=self.talk)
        await self.bystander.close()
        await self.bystander_seat.close()

    async def widget(self) -> Connection:
        connection = await Customer(self.url).connect()
        self.addAsyncCleanup(connection.hang_up)
        return connection

    # ---- one frame -------------------------------------------------------------------------------

    async def test_text_over_16_kib_and_empty_text_are_too_large(self) -> None:
        widget = await self.widget()
        send = {"type": "send", "conversation": None}

        for text in ("x" * (TEXT_BYTES_MAX + 1), "ñ" * (TEXT_BYTES_MAX // 2 + 1), ""):
            error = await widget.refused(send | {"text": text})
            self.assertEqual(error["code"], "too_large")
        blank = await widget.refused(send | {"text": " \n\t "})
        longest = await widget.send(None, "x" * TEXT_BYTES_MAX)

        self.assertEqual(blank["code"], "too_large")
        self.assertEqual(longest["seq"], 1, "a refused message took a number")

    async def test_a_frame_over_64_kib_closes_with_4501(self) -> None:
        widget = await self.widget()

        await widget.say({"type": "send", "id": new_id(), "text": "x" * FRAME_BYTES_MAX})

        self.assertEqual(await widget.closed(), 4501)

    async def test_a_text_frame_that_is_not_utf8_closes_with_4502(self) -> None:
        widget = await self.widget()

        await widget.say_raw(b'{"type":"send","text":"\xff\xfe"}', text=True)

        self.assertEqual(await widget.closed(), 4502)

    async def test_what_is_no_frame_is_a_bad_frame_and_the_connection_stays(self) -> None:
        widget = await self.widget()
        strange = [
            "not json",
            "[]",
            "null",
            "{}",
            '{"type":7}',
            '{"type":"explode"}',
            '{"type":"send","text":"no id"}',
            '{"type":"send","id":"not-a-uuid","conversation":null,"text":"x"}',
            json.dumps({"type": "send", "id": new_id(), "conversation": 5, "text": "x"}),
            json.dumps({"type": "send", "id": new_id(), "conversation": None, "text": 5}),
            '{"type":"accept","offer":"0190f3a2-5b1e-7c3d-9a44-0c6f6b2f9d10"}',
            "[" * 2_000 + "]" * 2_000,
        ]

        for text in strange:
            await widget.say_raw(text)
            error = await widget.expect("error")
            self.assertEqual(error["code"], "bad_frame", text[:60])
        await widget.settle()

    async def test_a_binary_message_is_a_bad_frame(self) -> None:
        widget = await self.widget()

        await widget.say_raw(b'{"type":"ping"}')
        error = await widget.expect("error")

        self.assertEqual((error["code"], error["id"]), ("bad_frame", None))
        await widget.settle()

    async def test_the_error_repeats_the_id_of_its_frame(self) -> None:
        widget = await self.widget()
        mine = new_id()

        error = await widget.refused({"type": "explode", "id": mine})

        self.assertEqual((error["id"], error["code"]), (mine, "bad_frame"))

    async def test_a_score_out_of_range_is_a_bad_frame(self) -> None:
        widget = await self.widget()
        conversation = (await widget.send(None, COMPLAINT))["conversation"]

        for score in (0, 6, -1, 2.5, "5"):
            error = await widget.refused(
                {"type": "rate", "conversation": conversation, "score": score}
            )
            self.assertEqual(error["code"], "bad_frame", score)

    async def test_twenty_bad_frames_close_with_4500(self) -> None:
        widget = await self.widget()

        for _ in range(20):
            await widget.say_raw("nonsense")

        self.assertEqual(await widget.closed(), 4500)

    async def test_too_many_messages_are_told_how_long_to_wait(self) -> None:
        widget = await self.widget()
        ids = [new_id() for _ in range(60)]
        for message in ids:
            await widget.say(
                {"type": "send", "id": message, "conversation": None, "text": f"Hola {message}"}
            )
        await widget.settle()

        errors = widget.waiting("error")
        acks = widget.waiting("ack")

        self.assertTrue(errors, "60 messages at once went through a limit of 20")
        for error in errors:
            self.assertEqual(error["code"], "rate_limited")
            self.assertGreater(error["retry_after_ms"], 0)
        answered = {frame["id"] for frame in errors + acks}
        self.assertTrue(answered <= set(ids))
        refused = errors[0]["id"]
        await asyncio.sleep(errors[0]["retry_after_ms"] / 1000 + 0.1)
        await widget.send(None, f"Hola {refused}", refused)

    async def test_an_unknown_conversation_is_not_found(self) -> None:
        widget = await self.widget()

        for frame in (
            {"type": "send", "text": "x"},
            {"type": "close"},
            {"type": "person"},
            {"type": "typing"},
            {"type": "rate", "score": 3},
        ):
            error = await widget.refused(frame | {"conversation": new_id()})
            self.assertEqual(error["code"], "not_found", frame)

    # ---- who may come in -------------------------------------------------------------------------

    async def test_a_wrong_token_closes_with_4503(self) -> None:
        for role in ("widget", "seat"):
            connection = await Connection.raw(self.url, role)
            await connection.say({"type": "hello", "token": "A" * 64, "resume": None})
            self.assertEqual(await connection.closed(), 4503, role)

    async def test_a_customers_token_opens_no_seat(self) -> None:
        token = await Customer(self.url).token()

        connection = await Connection.raw(self.url, "seat")
        await connection.say({"type": "hello", "token": token, "resume": None})

        self.assertEqual(await connection.closed(), 4503)

    async def test_a_first_frame_that_is_no_hello_closes_with_4500(self) -> None:
        connection = await Connection.raw(self.url, "widget")

        await connection.say({"type": "ping"})

        self.assertEqual(await connection.closed(), 4500)

    async def test_no_hello_within_five_seconds_closes_with_4003(self) -> None:
        began = time.monotonic()
        connection = await Connection.raw(self.url, "widget")

        code = await connection.closed(HANDSHAKE_S + SLACK_S)

        self.assertEqual(code, 4003)
        self.assertGreater(time.monotonic() - began, HANDSHAKE_S - 0.5)

    async def test_a_foreign_origin_gets_no_token_and_no_socket(self) -> None:
        with self.assertRaises(Refused) as no_token:
            await Customer(self.url, origin=FOREIGN).token()
        with self.assertRaises(InvalidStatus) as no_socket:
            await Connection.raw(self.url, "widget", origin=FOREIGN)

        self.assertEqual((no_token.exception.status, no_token.exception.code), (403, "forbidden"))
        self.assertEqual(no_token.exception.content_type, "application/problem+json")
        self.assertEqual(no_socket.exception.response.status_code, 403)

    async def test_a_token_serves_only_the_origin_that_got_it(self) -> None:
        token = await Customer(self.url, origin=self.url).token()

        same = await Connection.open(self.url, "widget", token, origin=self.url)
        other = await Connection.raw(self.url, "widget")
        await other.say({"type": "hello", "token": token, "resume": None})

        self.assertEqual(await other.closed(), 4503)
        await same.close()

    async def test_the_session_calls_refuse_with_problem_documents(self) -> None:
        good = {
            "shop": "demo",
            "visitor": None,
            "locale": "es-MX",
            "time_zone": "America/Mexico_City",
            "identity": None,
        }
        widget, seat = f"{self.url}/v1/widget/session", f"{self.url}/v1/seat/session"
        identity = {"user_id": "42", "hmac": "0" * 64}
        for url, body, status, code in (
            (widget, b"{", 400, "bad_frame"),
            (widget, {"visitor": None}, 400, "bad_frame"),
            (widget, good | {"shop": 5}, 400, "bad_frame"),
            (widget, good | {"time_zone": "Mars/Olympus"}, 400, "bad_frame"),
            (widget, good | {"identity": identity}, 401, "unauthorized"),
            (widget, good | {"shop": "no-such-shop"}, 404, "not_found"),
            (widget, good | {"locale": "x" * 5_000}, 413, "too_large"),
            (seat, {"shop": "demo", "user": "mai", "password": "wrong"}, 401, "unauthorized"),
            (seat, {"shop": "demo", "user": "nobody", "password": "demo"}, 401, "unauthorized"),
        ):
            with self.subTest(body=str(body)[:80]), self.assertRaises(Refused) as refused:
                await asyncio.to_thread(post, url, body)
            self.assertEqual((refused.exception.status, refused.exception.code), (status, code))
            self.assertEqual(refused.exception.problem["status"], status)
            self.assertEqual(refused.exception.content_type, "application/problem+json")

    # ---- below the frames ------------------------------------------------------------------------

    def address(self) -> tuple[str, int]:
        parts = urllib.parse.urlsplit(self.url)
        return parts.hostname, parts.port

    def upgrade_request(self) -> bytes:
        host, port = self.address()
        key = base64.b64encode(os.urandom(16)).decode()
        return (
            f"GET /v1/widget HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()

    async def test_a_half_open_handshake_is_cut_after_five_seconds(self) -> None:
        began = time.monotonic()
        half = [await asyncio.open_connection(*self.address()) for _ in range(20)]
        for _, writer in half:
            writer.write(self.upgrade_request()[:60])
            await writer.drain()

        for reader, writer in half:
            left = HANDSHAKE_S + SLACK_S - (time.monotonic() - began)
            await asyncio.wait_for(reader.read(), left)
            writer.close()

        self.assertGreater(time.monotonic() - began, HANDSHAKE_S - 0.5)

    async def test_an_unmasked_frame_closes_with_1002(self) -> None:
        reader, writer = await asyncio.open_connection(*self.address())
        writer.write(self.upgrade_request())
        head = await reader.readuntil(b"\r\n\r\n")
        self.assertIn(b" 101 ", head.split(b"\r\n")[0])

        writer.write(b"\x81\x02{}")
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()

        self.assertEqual(answer[:1], b"\x88", "no close frame")
        self.assertEqual(int.from_bytes(answer[2:4]), 1002)

    # ---- who may take a conversation ---------------------------------------------------------------

    async def test_a_second_seat_accepting_the_same_offer_is_told_that_it_is_taken(self) -> None:
        second = await take_seat(self.url, "mai")
        self.addAsyncCleanup(second.close)
        widget = await self.widget()
        conversation = (await widget.send(None, COMPLAINT))["conversation"]
        await widget.say({"type": "person", "conversation": conversation})
        offer, accepted = await accept(self.bystander_seat, conversation)

        error = await second.refused({"type": "accept", "offer": offer["offer"]})
        stolen = await second.refused({"type": "send", "conversation": conversation, "text": "Hi"})
        await self.bystander_seat.send(conversation, "Soy yo quien responde.")

        self.assertEqual(error["code"], "offer_taken")
        self.assertEqual(stolen["code"], "forbidden")
        await widget.expect("event", text="Soy yo quien responde.")
        await widget.say({"type": "close", "conversation": conversation})
        await self.bystander_seat.expect("event", kind="closed", conversation=conversation)

    async def test_an_offer_that_ran_out_cannot_be_accepted(self) -> None:
        widget = await self.widget()
        conversation = (await widget.send(None, COMPLAINT))["conversation"]
        await widget.say({"type": "person", "conversation": conversation})
        offer = await self.bystander_seat.expect("offer", 20.0, conversation=conversation)
        gone = await self.bystander_seat.expect("withdrawn", offer=offer["offer"])

        error = await self.bystander_seat.refused({"type": "accept", "offer": offer["offer"]})
        unknown = await self.bystander_seat.refused({"type": "accept", "offer": new_id()})

        self.assertEqual(gone["reason"], "expired")
        self.assertEqual(error["code"], "offer_expired")
        self.assertEqual(unknown["code"], "not_found")
        await widget.say({"type": "close", "conversation": conversation})
        await widget.expect("event", kind="closed")


if __name__ == "__main__":
    unittest.main()
