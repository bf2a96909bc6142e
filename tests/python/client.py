"""A client of the wire protocol, written from docs/protocol.md alone.

It shares no code with the router: what passes here, a stranger's client can do as well.
"""

import asyncio
import json
import secrets
import time
import urllib.error
import urllib.request
import uuid

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

PATIENCE_S = 10.0


class Refused(Exception):
    """A session call that was answered with a problem document."""

    def __init__(self, status: int, content_type: str, problem: dict) -> None:
        super().__init__(f"{status} {problem}")
        self.status = status
        self.content_type = content_type
        self.problem = problem
        self.code = problem.get("code")


def new_id() -> str:
    """A version 7 UUID (RFC 9562): 48 bits of milliseconds, then chance."""
    value = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def post(url: str, body: dict | bytes, origin: str | None = None) -> dict:
    """Posts JSON, waits out a `rate_limited` a few times, and raises `Refused` for the rest."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json"} | ({"origin": origin} if origin else {})
    for attempt in range(5):
        request = urllib.request.Request(url, data, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                assert response.status == 201, response.status
                return json.load(response)
        except urllib.error.HTTPError as error:
            raw = error.read()
            problem = json.loads(raw) if raw else {}
            if problem.get("code") != "rate_limited" or attempt == 4:
                raise Refused(error.code, error.headers.get_content_type(), problem) from None
            time.sleep(problem["retry_after_ms"] / 1000)
    raise AssertionError("unreachable")


class Connection:
    """One socket after its `hello`: frames in, frames out, a heartbeat."""

    observers: list = []
    """Called with (role, frame) for every frame that comes, on any connection."""

    def __init__(self, socket, role: str) -> None:
        self._socket = socket
        self._role = role
        self._frames: list[dict] = []
        self._news = asyncio.Condition()
        self._ended = False
        self._heartbeat: asyncio.Task | None = None
        self._reader = asyncio.create_task(self._read())
        self.welcome: dict = {}
        self.conversations: set[str] = set()

    @classmethod
    async def raw(cls, url: str, role: str, origin: str | None = None) -> "Connection":
        """Connects and says nothing."""
        socket = await connect(
            f"{url.replace('http', 'ws', 1)}/v1/{role}",
            subprotocols=["tradewind.v1.json"],
            origin=origin,
            compression=None,
            ping_interval=None,
            max_size=None,
            proxy=None,
            open_timeout=PATIENCE_S,
        )
        assert socket.subprotocol == "tradewind.v1.json"
        return cls(socket, role)

    @classmethod
    async def open(
        cls, url: str, role: str, token: str, resume: dict | None = None, origin: str | None = None
    ) -> "Connection":
        self = await cls.raw(url, role, origin)
        await self.say({"type": "hello", "token": token, "resume": resume})
        self.welcome = await self.expect("welcome")
        self._heartbeat = asyncio.create_task(self._beat(self.welcome["heartbeat_ms"] / 1000))
        return self

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                frame = json.loads(message)
                for observe in self.observers:
                    observe(self._role, frame)
                async with self._news:
                    self._frames.append(frame)
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        finally:
            self._ended = True
            async with self._news:
                self._news.notify_all()

    async def _beat(self, every_s: float) -> None:
        try:
            while True:
                await asyncio.sleep(every_s)
                await self.say({"type": "ping"})
        except ConnectionClosed:
            pass

    async def say(self, frame: dict) -> None:
        await self._socket.send(json.dumps(frame, ensure_ascii=False))

    async def say_raw(self, data: str | bytes, text: bool | None = None) -> None:
        await self._socket.send(data, text=text)

    async def expect(
        self, kind: str | tuple[str, ...], /, timeout: float = PATIENCE_S, **fields
    ) -> dict:
        """The next frame of this type with these fields, also when it has already come."""
        kinds = (kind,) if isinstance(kind, str) else kind

        def matches(frame: dict) -> bool:
            return frame["type"] in kinds and all(frame.get(k) == v for k, v in fields.items())

        def found() -> bool:
            return self._ended or any(matches(frame) for frame in self._frames)

        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(found), timeout)
            except TimeoutError:
                pass
            for frame in self._frames:
                if matches(frame):
                    self._frames.remove(frame)
                    return frame
        state = f"closed with {self._socket.close_code}" if self._ended else "open"
        raise AssertionError(f"no {kind} {fields} in {timeout} s ({state}); came: {self._frames}")

    def waiting(self, kind: str, /, **fields) -> list[dict]:
        """Frames that have come and that nobody has taken."""
        return [
            frame
            for frame in self._frames
            if frame["type"] == kind and all(frame.get(k) == v for k, v in fields.items())
        ]

    async def send(self, conversation: str | None, text: str, message: str | None = None) -> dict:
        """Sends a message until it is acknowledged; returns the acknowledgement."""
        message = message or new_id()
        while True:
            await self.say(
                {"type": "send", "id": message, "conversation": conversation, "text": text}
            )
            answer = await self.expect(("ack", "error"), id=message)
            if answer["type"] == "ack":
                self.conversations.add(answer["conversation"])
                return answer
            assert answer["retry_after_ms"] is not None, answer
            await asyncio.sleep(answer["retry_after_ms"] / 1000)

    async def refused(self, frame: dict) -> dict:
        """Sends a frame that must be refused and returns the error about it."""
        frame = {"id": new_id()} | frame
        await self.say(frame)
        return await self.expect("error", id=frame["id"])

    async def events_up_to(self, conversation: str, seq: int) -> list[dict]:
        """The events of a conversation up to a number, as they came; they must be in order."""
        events: list[dict] = []
        while not events or events[-1]["seq"] < seq:
            events.append(await self.expect("event", conversation=conversation))
        return events

    async def settle(self) -> None:
        """Returns when everything that the server had sent before has come."""
        await self.say({"type": "ping"})
        await self.expect("pong")

    async def closed(self, timeout: float = PATIENCE_S) -> int | None:
        """The code with which the server closed the connection."""
        await asyncio.wait_for(asyncio.shield(self._reader), timeout)
        return self._socket.close_code

    async def hang_up(self) -> None:
        """Ends the conversations that were held here, and then the connection."""
        if not self._ended:
            for conversation in self.conversations:
                await self.say({"type": "close", "conversation": conversation})
            await self.settle()
        await self.close()

    async def close(self) -> None:
        if self._heartbeat:
            self._heartbeat.cancel()
        await self._socket.close()

    def drop(self) -> None:
        """Cuts the TCP connection without a closing handshake, as a lost network does."""
        if self._heartbeat:
            self._heartbeat.cancel()
        self._socket.transport.abort()


class Customer:
    """A visitor of a shop, with the handle that makes the next visit the same customer."""

    def __init__(self, url: str, locale: str = "es-MX", origin: str | None = None) -> None:
        self.url = url
        self.locale = locale
        self.origin = origin
        self.visitor: str | None = None

    async def token(self) -> str:
        body = {
            "shop": "demo",
            "visitor": self.visitor,
            "locale": self.locale,
            "time_zone": "America/Mexico_City",
            "identity": None,
        }
        grant = await asyncio.to_thread(
            post, f"{self.url}/v1/widget/session", body, self.origin
        )
        self.visitor = grant["visitor"]
        return grant["token"]

    async def connect(self, resume: dict | None = None) -> Connection:
        return await Connection.open(self.url, "widget", await self.token(), resume, self.origin)


async def seat_token(url: str, user: str) -> str:
    body = {"shop": "demo", "user": user, "password": "demo"}
    grant = await asyncio.to_thread(post, f"{url}/v1/seat/session", body)
    assert grant["seat"] == user, grant
    return grant["token"]


async def take_seat(url: str, user: str, resume: dict | None = None) -> Connection:
    """Signs an operator of the demo shop in."""
    return await Connection.open(url, "seat", await seat_token(url, user), resume)


async def waiting(url: str, user: str) -> list[str]:
    """The conversations of the demo shop that wait, in the order in which they would be served."""
    headers = {"authorization": f"Bearer {await seat_token(url, user)}"}
    request = urllib.request.Request(f"{url}/v1/seat/queue", headers=headers)

    def fetch() -> dict:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return json.load(response)

    return [entry["conversation"] for entry in (await asyncio.to_thread(fetch))["waiting"]]


async def make_ready(seat: Connection) -> dict:
    await seat.say({"type": "state", "state": "ready"})
    return await seat.expect("state", state="ready")


async def accept(seat: Connection, conversation: str, timeout: float = 20.0) -> tuple[dict, dict]:
    """Takes the offer of this conversation; returns the offer and what came for accepting it."""
    offer = await seat.expect("offer", timeout, conversation=conversation)
    await seat.say({"type": "accept", "offer": offer["offer"]})
    return offer, await seat.expect("accepted", offer=offer["offer"])
