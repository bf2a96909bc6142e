"""What clients send stays out of the log, whatever its level, of the metrics and of errors."""

import asyncio
import json
import os
import unittest
import urllib.error
import urllib.parse
import urllib.request
from unittest import mock

from client import Customer, Refused, accept, make_ready, new_id, post
from schema import document, resolve
from test_conversation import Talk

PLANTED = {
    "text": "zinnoberrot",
    "e-mail": "planted.person@example.org",
    "phone": "+4915112345678",
    "card": "4111111111111111",
    "national id": "390.533.447-05",
    "token": "tok_5Pl4nt3dS3cr3tTok3n",
}
SENTENCE = (
    f"Mein {PLANTED['text']}es Paket fehlt, {PLANTED['e-mail']}, {PLANTED['phone']}, "
    f"Karte {PLANTED['card']}, CPF {PLANTED['national id']}, {PLANTED['token']}"
)
# Every frame of either side, with the sentence in each field that takes text.
FRAMES = [
    {"type": SENTENCE},
    {"type": "hello", "token": SENTENCE, "resume": None},
    {"type": "hello", "token": "x", "resume": {"session": SENTENCE, "last_seq": {SENTENCE: 1}}},
    {"type": "send", "id": SENTENCE, "conversation": None, "text": SENTENCE},
    {"type": "send", "id": new_id(), "conversation": SENTENCE, "text": SENTENCE},
    {"type": "send", "id": new_id(), "conversation": new_id(), "text": SENTENCE},
    {"type": "ping", SENTENCE: SENTENCE},
    {"type": "received", "conversation": SENTENCE, "seq": SENTENCE},
    {"type": "typing", "conversation": SENTENCE},
    {"type": "close", "conversation": SENTENCE},
    {"type": "person", "conversation": SENTENCE},
    {"type": "rate", "conversation": SENTENCE, "score": SENTENCE},
    {"type": "state", "state": SENTENCE},
    {"type": "accept", "offer": SENTENCE},
    {"type": "decline", "offer": SENTENCE, "reason": SENTENCE},
    {"type": "decline", "offer": new_id(), "reason": SENTENCE},
    {"type": "note", "conversation": SENTENCE, "text": SENTENCE},
    {"type": "transfer", "conversation": SENTENCE, "to": {"seat": SENTENCE}},
    {"type": "transfer", "conversation": new_id(), "to": {"skill": SENTENCE}},
    {"type": "assign", "conversation": SENTENCE, "seat": SENTENCE},
    {"type": "assign", "conversation": new_id(), "seat": SENTENCE},
    {"type": "take_over", "conversation": SENTENCE},
    {"type": "approve", "conversation": SENTENCE},
    {"type": "part", "conversation": SENTENCE},
    {"type": "helpful", "conversation": SENTENCE, "helpful": SENTENCE},
    {"type": "translate", "conversation": SENTENCE, "seq": SENTENCE},
    {"type": "floor", "watch": SENTENCE},
    {"type": "incidents", "watch": SENTENCE},
    {"type": "confirm_incident", "incident": SENTENCE, "conversations": [SENTENCE], "wrong": []},
    {"type": "confirm_incident", "incident": 1, "conversations": [new_id()], SENTENCE: SENTENCE},
    {"type": "answer_incident", "incident": 1, "texts": {SENTENCE: SENTENCE}, "fallback": "en"},
    {"type": "answer_incident", "incident": 1, "texts": {"en": SENTENCE}, "fallback": "en"},
    {"type": "join_incidents", "incident": 1, "into": SENTENCE},
    {"type": "part_incidents", "incident": 1, "from": SENTENCE},
    {"type": "close_incident", "incident": SENTENCE},
]
VISITOR = {"shop": "demo", "visitor": None, "locale": "es-MX", "time_zone": None, "identity": None}
SIGN_INS = [
    ("widget", VISITOR | {"shop": SENTENCE}),
    ("widget", VISITOR | {"visitor": SENTENCE}),
    ("widget", VISITOR | {"locale": SENTENCE}),
    ("widget", VISITOR | {"time_zone": SENTENCE}),
    ("widget", VISITOR | {"identity": {"user_id": SENTENCE, "hmac": SENTENCE}}),
    ("widget", VISITOR | {"identity": {"jwt": SENTENCE}}),
    ("widget", VISITOR | {SENTENCE: SENTENCE}),
    ("seat", {"shop": SENTENCE, "user": "lucia", "password": "demo"}),
    ("seat", {"shop": "demo", "user": SENTENCE, "password": SENTENCE}),
    ("seat", {"shop": "demo", "user": "lucia", "password": SENTENCE}),
]
MANAGEMENT = [
    ("POST", "/v1/shops", {"id": SENTENCE, "name": SENTENCE, "origins": [SENTENCE]}),
    ("DELETE", "/v1/shops/{}", None),
    ("PUT", "/v1/shops/{}/origins", {"origins": [SENTENCE]}),
    ("GET", "/v1/shops/{}/queue", None),
    ("GET", "/v1/shops/{}/seats", None),
    ("POST", "/v1/shops/demo/seats", {"id": SENTENCE, "password": SENTENCE, "languages": [SENTENCE]}),
    ("DELETE", "/v1/shops/demo/seats/{}", None),
    ("PUT", "/v1/shops/demo/seats/{}/password", {"password": SENTENCE}),
    ("GET", "/v1/shops/{}/keys", None),
    ("POST", "/v1/shops/demo/keys", {"kid": SENTENCE, "alg": SENTENCE, "secret": SENTENCE}),
    ("DELETE", "/v1/shops/demo/keys/{}", None),
    ("GET", "/v1/conversations/{}/explanation", None),
    ("POST", "/v1/backup/holds/{}", None),
    ("DELETE", "/v1/backup/holds/{}", None),
]


def places(value) -> int:
    """How many names and values in it hold the sentence."""
    if isinstance(value, dict):
        return sum(places(name) + places(inner) for name, inner in value.items())
    if isinstance(value, list):
        return sum(places(inner) for inner in value)
    return int(isinstance(value, str) and SENTENCE in value)


def tearDownModule() -> None:
    # For `cargo xtask reliability`.
    print(f"\nreliability: {json.dumps({'size': Privacy.planted})}", flush=True)


class Privacy(Talk):
    # Places that held the sentence, over all tests.
    planted = 0

    @classmethod
    def setUpClass(cls) -> None:
        with mock.patch.dict(os.environ, {"TRADEWIND_LOG_LEVEL": "trace"}):
            super().setUpClass()

    def tearDown(self) -> None:
        with urllib.request.urlopen(self.server.url + "/metrics") as answer:
            metrics = answer.read().decode()
        log = self.server.log()
        errors = "\n".join(self.errors)
        self.assertIn("journal replayed", log)
        self.assertIn("tradewind_", metrics)
        for kind, planted in PLANTED.items():
            for form in (planted, urllib.parse.quote(planted)):
                self.assertNotIn(form, log, kind)
                self.assertNotIn(form, metrics, kind)
                self.assertNotIn(form, errors, kind)

    def setUp(self) -> None:
        super().setUp()
        # What clients are told when something is refused.
        self.errors: list[str] = []

    def plant(self, value):
        """The value, counted."""
        Privacy.planted += places(value)
        return value

    async def test_nothing_that_people_write_is_logged_or_measured(self) -> None:
        customer = await self.customer()
        seat = await self.seat()
        await make_ready(seat)

        conversation = await self.ask_for_a_person(customer, self.plant(SENTENCE))
        await accept(seat, conversation)
        await seat.send(conversation, self.plant(SENTENCE))
        note = {"type": "note", "conversation": conversation, "text": SENTENCE}
        await seat.say(self.plant(note))
        await customer.refused(self.plant({"type": "send", "id": new_id(), "text": SENTENCE * 120}))
        await customer.say_raw(self.plant('{"type":"' + SENTENCE + '"}'))
        await customer.expect("error", code="bad_frame")
        await self.end(customer, conversation)

    async def test_no_field_of_a_frame_is_logged_or_measured(self) -> None:
        for open_socket in (self.customer, self.seat):
            for frame in FRAMES:
                connection = await open_socket()
                await connection.say(self.plant(frame))
                await connection.say_raw(json.dumps(self.plant(frame))[:-1])
                self.errors.append(json.dumps(await connection.expect("error"), ensure_ascii=False))
                await connection.close()

    def test_every_type_of_frame_has_a_row(self) -> None:
        described = set()
        for role in ("Widget", "Seat"):
            for message in document()["operations"][f"from{role}"]["messages"]:
                payload = resolve(resolve(message["$ref"])["$ref"])["payload"]
                named = resolve(payload["$ref"]) if "$ref" in payload else payload
                described.add(named["properties"]["type"]["const"])

        self.assertEqual({frame["type"] for frame in FRAMES} - {SENTENCE}, described)

    async def test_no_field_of_a_sign_in_is_logged_or_measured(self) -> None:
        refused = 0
        for side, body in SIGN_INS:
            try:
                url = f"{self.server.url}/v1/{side}/session"
                await asyncio.to_thread(post, url, self.plant(body))
            except Refused as error:
                refused += 1
                self.errors.append(json.dumps(error.problem, ensure_ascii=False))

        self.assertGreater(refused, 0)

    async def test_neither_address_nor_headers_are_logged_or_measured(self) -> None:
        quoted = urllib.parse.quote(SENTENCE)
        headers = {"user-agent": SENTENCE, "cookie": SENTENCE, "authorization": f"Bearer {SENTENCE}"}
        for path in (f"/{quoted}", f"/v1/widget?token={quoted}"):
            Privacy.planted += 1
            request = urllib.request.Request(self.server.url + path, headers=self.plant(headers))
            with self.assertRaises(urllib.error.HTTPError) as refused:
                await asyncio.to_thread(urllib.request.urlopen, request)
            self.errors.append(refused.exception.read().decode())

        with self.assertRaises(Refused):
            Privacy.planted += 1
            origin = f"https://{PLANTED['token'].lower()}.example"
            await Customer(self.server.url, origin=origin).token()

    async def test_nothing_that_management_is_sent_is_logged_or_measured(self) -> None:
        # Whoever may see a shop's mistakes is told the values that do not fit, so answers are left out.
        quoted = urllib.parse.quote(SENTENCE, safe="")
        for bearer in (self.server.key(), SENTENCE):
            for method, path, body in MANAGEMENT:
                Privacy.planted += places(body) + ("{}" in path) + places(bearer)
                request = urllib.request.Request(
                    self.server.management + path.format(quoted),
                    json.dumps(body).encode() if body else None,
                    {"authorization": f"Bearer {bearer}", "content-type": "application/json"},
                    method=method,
                )
                with self.assertRaises(urllib.error.HTTPError, msg=f"{method} {path}"):
                    await asyncio.to_thread(urllib.request.urlopen, request)


if __name__ == "__main__":
    unittest.main()
