"""Two people talk through the router, and lose nothing to a lost connection or a killed server."""

import asyncio
import datetime
import unittest
import zoneinfo

from client import Connection, Customer, accept, make_ready, new_id, take_seat, waiting
from schema import Watched
from server import Server

COMPLAINT = "Hola, el paquete llegó roto y nadie me contesta. Quiero hablar con una persona."


class Talk(Watched, unittest.IsolatedAsyncioTestCase):
    """A server, and helpers that close what a test opened."""

    server: Server

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()

    async def customer(self, who: Customer | None = None, resume=None) -> Connection:
        connection = await (who or Customer(self.server.url)).connect(resume)
        self.addAsyncCleanup(connection.hang_up)
        return connection

    async def seat(self, user: str = "lucia", resume=None) -> Connection:
        connection = await take_seat(self.server.url, user, resume)
        self.addAsyncCleanup(connection.close)
        return connection

    async def ask_for_a_person(self, customer: Connection, text: str = COMPLAINT) -> str:
        ack = await customer.send(None, text)
        await customer.say({"type": "person", "conversation": ack["conversation"]})
        return ack["conversation"]

    async def in_conversation(self, who: Customer) -> tuple[Connection, Connection, str]:
        """A customer and a seat that has answered once; returns both and the conversation."""
        seat = await self.seat()
        await make_ready(seat)
        customer = await self.customer(who)
        conversation = await self.ask_for_a_person(customer)
        await accept(seat, conversation)
        await seat.send(conversation, "Hola, lo miro ahora.")
        await customer.expect("event", kind="message", **{"from": "seat"})
        return customer, seat, conversation

    async def end(self, side: Connection, conversation: str) -> None:
        await side.say({"type": "close", "conversation": conversation})
        await side.expect("event", conversation=conversation, kind="closed")


class Conversation(Talk):
    async def test_customer_and_seat_talk_and_both_see_one_order(self) -> None:
        who = Customer(self.server.url)
        seat = await self.seat()
        await make_ready(seat)
        customer = await self.customer(who)

        first = await customer.send(None, COMPLAINT)
        conversation = first["conversation"]
        await customer.say({"type": "person", "conversation": conversation})
        offer, accepted = await accept(seat, conversation)
        reply = await seat.send(conversation, "Hola, lo miro ahora.")
        thanks = await customer.send(conversation, "¡Gracias! 🙏")
        await self.end(customer, conversation)
        at_seat = accepted["history"] + [
            await seat.expect("event", conversation=conversation, id=thanks["id"]),
            await seat.expect("event", conversation=conversation, kind="closed"),
        ]

        self.assertEqual(first["level"], "durable")
        self.assertEqual(first["seq"], 1)
        self.assertEqual(offer["language"], "es")
        self.assertTrue(offer["why"])
        self.assertEqual(accepted["conversation"], conversation)
        history = accepted["history"]
        self.assertEqual([event["seq"] for event in history], list(range(1, len(history) + 1)))
        self.assertEqual(history[0]["text"], COMPLAINT)
        self.assertEqual(history[0]["from"], "customer")
        numbers = [event["seq"] for event in at_seat] + [reply["seq"]]
        self.assertEqual(len(numbers), len(set(numbers)), "a number was used twice")
        page = await self.customer(who, {"session": None, "last_seq": {conversation: 0}})
        [position] = page.welcome["conversations"]
        seen = {e["seq"]: e for e in await page.events_up_to(conversation, position["seq"])}
        for event in at_seat:
            self.assertEqual(seen[event["seq"]], event, "customer and seat disagree")

    async def test_a_dropped_customer_resumes_and_gets_exactly_the_gap(self) -> None:
        who = Customer(self.server.url)
        customer, seat, conversation = await self.in_conversation(who)
        await customer.settle()
        held = (await seat.send(conversation, "Un momento, por favor."))["seq"]
        await customer.expect("event", conversation=conversation, seq=held)
        session = customer.welcome["session"]

        customer.drop()
        missed = ["Ya lo veo.", "El reemplazo sale hoy.", "¿Algo más?"]
        acks = [await seat.send(conversation, text) for text in missed]
        back = await self.customer(
            who, {"session": session, "last_seq": {conversation: held}}
        )
        gap = await back.events_up_to(conversation, acks[-1]["seq"])
        live = await seat.send(conversation, "Sigo aquí.")
        await back.expect("event", conversation=conversation, seq=live["seq"], text="Sigo aquí.")
        await back.settle()

        self.assertTrue(back.welcome["recovered"])
        self.assertEqual(back.welcome["session"], session)
        self.assertEqual([event["text"] for event in gap], missed)
        self.assertEqual([event["seq"] for event in gap], [ack["seq"] for ack in acks])
        self.assertEqual([event["seq"] for event in gap], list(range(held + 1, held + 4)))
        self.assertEqual(back.waiting("event"), [], "something came twice")
        await self.end(back, conversation)

    async def test_a_dropped_seat_that_has_answered_keeps_its_conversation(self) -> None:
        customer, seat, conversation = await self.in_conversation(Customer(self.server.url))
        held = (await seat.send(conversation, "Un momento."))["seq"]
        session = seat.welcome["session"]

        seat.drop()
        asked = await customer.send(conversation, "¿Sigue ahí?")
        back = await self.seat(resume={"session": session, "last_seq": {conversation: held}})
        gap = await back.events_up_to(conversation, asked["seq"])
        await back.send(conversation, "Sí, aquí sigo.")

        self.assertTrue(back.welcome["recovered"])
        self.assertEqual([event["id"] for event in gap], [asked["id"]])
        await customer.expect("event", text="Sí, aquí sigo.")
        await self.end(customer, conversation)

    async def test_a_number_from_the_future_is_said_not_to_be_recovered(self) -> None:
        who = Customer(self.server.url)
        customer = await self.customer(who)
        conversation = (await customer.send(None, COMPLAINT))["conversation"]

        wrong = await self.customer(who, {"session": None, "last_seq": {conversation: 999_999}})
        right = await self.customer(who, {"session": None, "last_seq": {conversation: 0}})

        self.assertFalse(wrong.welcome["recovered"])
        self.assertTrue(right.welcome["recovered"])
        await self.end(customer, conversation)

    async def test_one_session_has_one_socket(self) -> None:
        who = Customer(self.server.url)
        first = await self.customer(who)

        second = await self.customer(who, {"session": first.welcome["session"], "last_seq": {}})

        self.assertEqual(await first.closed(), 4504)
        self.assertEqual(second.welcome["session"], first.welcome["session"])


class Retries(Talk):
    async def test_the_same_id_gets_the_same_ack_also_on_a_new_connection(self) -> None:
        who = Customer(self.server.url)
        first_page = await self.customer(who)
        message = new_id()

        first = await first_page.send(None, COMPLAINT, message)
        again = await first_page.send(None, COMPLAINT, message)
        first_page.drop()
        second_page = await self.customer(who)
        elsewhere = await second_page.send(None, COMPLAINT, message)
        conversation = first["conversation"]
        history = await self.customer(who, {"session": None, "last_seq": {conversation: 0}})
        [position] = history.welcome["conversations"]
        events = await history.events_up_to(conversation, position["seq"])

        self.assertEqual(again, first)
        self.assertEqual(elsewhere, first)
        self.assertEqual([event["id"] for event in events if event.get("from") == "customer"], [message])

    async def test_the_same_id_with_other_text_or_conversation_is_a_conflict(self) -> None:
        customer = await self.customer()
        message = new_id()
        ack = await customer.send(None, COMPLAINT, message)
        send = {"type": "send", "id": message, "conversation": None, "text": COMPLAINT}

        other_text = await customer.refused(send | {"text": "Otra cosa."})
        other_place = await customer.refused(send | {"conversation": new_id()})

        self.assertEqual(other_text["code"], "conflict")
        self.assertEqual(other_place["code"], "conflict")
        self.assertEqual(await customer.send(None, COMPLAINT, message), ack)

    async def test_null_from_two_connections_is_one_conversation(self) -> None:
        who = Customer(self.server.url)
        left, right = await self.customer(who), await self.customer(who)
        ids = [new_id(), new_id()]
        for connection, message in zip((left, right), ids):
            await connection.say(
                {"type": "send", "id": message, "conversation": None, "text": COMPLAINT}
            )

        acks = [
            await connection.expect("ack", id=message)
            for connection, message in zip((left, right), ids)
        ]

        self.assertEqual(acks[0]["conversation"], acks[1]["conversation"])
        self.assertNotEqual(acks[0]["seq"], acks[1]["seq"])
        await left.expect("event", kind="message", id=ids[1], seq=acks[1]["seq"])
        await right.expect("event", kind="message", id=ids[0], seq=acks[0]["seq"])

    async def test_a_closed_conversation_takes_no_message_and_null_opens_a_new_one(self) -> None:
        customer = await self.customer()
        conversation = (await customer.send(None, COMPLAINT))["conversation"]
        await self.end(customer, conversation)

        late = await customer.refused(
            {"type": "send", "conversation": conversation, "text": "¿Hola?"}
        )
        fresh = await customer.send(None, "¿Hola?")

        self.assertEqual(late["code"], "conflict")
        self.assertNotEqual(fresh["conversation"], conversation)
        self.assertEqual(fresh["seq"], 1)


class Strangers(Talk):
    async def test_another_customers_conversation_looks_like_none(self) -> None:
        owner, stranger = await self.customer(), await self.customer()
        conversation = (await owner.send(None, COMPLAINT))["conversation"]
        nobodys = new_id()

        for frame in (
            {"type": "send", "text": "Soy yo."},
            {"type": "close"},
            {"type": "person"},
            {"type": "rate", "score": 1},
        ):
            theirs = await stranger.refused(frame | {"conversation": conversation})
            none = await stranger.refused(frame | {"conversation": nobodys})

            self.assertEqual(theirs["code"], "not_found", frame)
            self.assertEqual(
                {**theirs, "id": None}, {**none, "id": None}, "the answer tells that it exists"
            )

    async def test_a_stranger_cannot_resume_it(self) -> None:
        owner = await self.customer()
        conversation = (await owner.send(None, COMPLAINT))["conversation"]

        stranger = await self.customer(
            resume={"session": owner.welcome["session"], "last_seq": {conversation: 0}}
        )
        await stranger.settle()
        await owner.settle()

        self.assertFalse(stranger.welcome["recovered"])
        self.assertEqual(stranger.welcome["conversations"], [])
        self.assertEqual(stranger.waiting("event"), [])

    async def test_a_seat_cannot_write_into_a_conversation_that_it_does_not_own(self) -> None:
        customer, seat = await self.customer(), await self.seat("mai")
        conversation = (await customer.send(None, COMPLAINT))["conversation"]

        error = await seat.refused({"type": "send", "conversation": conversation, "text": "Hi"})

        self.assertEqual(error["code"], "forbidden")


class Supervised(Talk):
    """Wei is a supervisor of the demo shop."""

    async def test_a_supervisor_takes_over_assigns_and_closes(self) -> None:
        customer, lucia, conversation = await self.in_conversation(Customer(self.server.url))
        wei, mai = await self.seat("wei"), await self.seat("mai")

        await wei.say({"type": "take_over", "conversation": conversation})
        await lucia.expect("taken_back", conversation=conversation, reason="supervisor")
        taken = await wei.expect("accepted", conversation=conversation)
        await wei.send(conversation, "Habla Wei.")
        away = await wei.refused({"type": "assign", "conversation": conversation, "seat": "mai"})
        await make_ready(mai)
        await wei.say({"type": "assign", "conversation": conversation, "seat": "mai"})
        given = await mai.expect("accepted", conversation=conversation)
        await wei.say({"type": "close", "conversation": conversation})

        self.assertIsNone(taken["offer"])
        self.assertEqual(away["code"], "conflict", "mai was not ready")
        self.assertGreater(given["fence"], taken["fence"])
        await customer.expect("event", text="Habla Wei.")
        await customer.expect("event", kind="closed", by="supervisor")
        await mai.expect("event", kind="closed", by="supervisor")

    async def test_a_supervisor_watches_the_floor_as_it_changes(self) -> None:
        wei, lucia = await self.seat("wei"), await self.seat("lucia")
        await make_ready(lucia)
        await wei.say({"type": "floor", "watch": True})
        full = await wei.expect("floor", full=True)
        floor = {row["conversation"]: row for row in full["waiting"] + full["running"]}
        customer = await self.customer()
        conversation = await self.ask_for_a_person(customer)
        await accept(lucia, conversation)

        async def changed_until(holds) -> None:
            while not holds():
                change = await wei.expect("floor", full=False)
                for gone in change["gone"]["conversations"]:
                    floor.pop(gone, None)
                for row in change["waiting"] + change["running"]:
                    floor[row["conversation"]] = row

        await changed_until(lambda: floor.get(conversation, {}).get("replied") is False)
        self.assertEqual(floor[conversation]["seat"], "lucia")
        await lucia.send(conversation, "Hola, lo miro ahora.")
        await changed_until(lambda: floor[conversation]["replied"])
        await self.end(lucia, conversation)
        await changed_until(lambda: conversation not in floor)

        await wei.say({"type": "floor", "watch": False})
        refused = await lucia.refused({"type": "floor", "watch": True})
        self.assertEqual(refused["code"], "forbidden")

    async def test_who_is_no_supervisor_is_refused(self) -> None:
        customer, _, conversation = await self.in_conversation(Customer(self.server.url))
        mai = await self.seat("mai")

        for frame in ({"type": "take_over"}, {"type": "assign", "seat": "mai"}, {"type": "close"}):
            error = await mai.refused(frame | {"conversation": conversation})
            self.assertEqual(error["code"], "forbidden", frame)

        await self.end(customer, conversation)

    async def test_a_seat_that_is_connected_twice_is_one_seat(self) -> None:
        first, second = await self.seat("lucia"), await self.seat("lucia")
        await make_ready(first)
        state = await second.expect("state", state="ready")
        customer = await self.customer(Customer(self.server.url))
        conversation = await self.ask_for_a_person(customer)
        await first.expect("offer", conversation=conversation)
        await accept(second, conversation)
        await first.expect("accepted", conversation=conversation)

        first.drop()
        await second.send(conversation, "Sigo aquí.")

        self.assertEqual(state["slots"], 3)
        await customer.expect("event", text="Sigo aquí.")
        await self.end(customer, conversation)


class HandedOver(Talk):
    """Two seats that both speak English, and a customer who writes English."""

    # Of a skill that both have, whichever tier reads it: the fast one alone when the machine is busy.
    TROUBLE = "Hello, I was charged twice. I want to talk to a person."

    async def test_a_transfer_takes_the_history_and_the_notes_to_the_named_seat(self) -> None:
        first, second = await self.seat("lucia"), await self.seat("kofi")
        await make_ready(first)
        customer = await self.customer(Customer(self.server.url, "en-GB"))
        conversation = await self.ask_for_a_person(customer, self.TROUBLE)
        _, before = await accept(first, conversation)
        await first.say({"type": "note", "conversation": conversation, "text": "a reseller"})
        await first.expect("note", text="a reseller", seat="lucia")

        await first.say({"type": "transfer", "conversation": conversation, "to": {"seat": "kofi"}})
        await first.expect("taken_back", conversation=conversation, reason="transferred")
        at_customer = await customer.expect("event", kind="transferred", to={"seat": "kofi"})
        await make_ready(second)
        _, accepted = await accept(second, conversation)
        late = await first.refused({"type": "send", "conversation": conversation, "text": "Hi"})
        await second.send(conversation, "Hello, I have it now.")

        self.assertEqual(late["code"], "forbidden")
        self.assertEqual([note["text"] for note in accepted["notes"]], ["a reseller"])
        self.assertGreater(accepted["fence"], before["fence"])
        self.assertIn(at_customer["seq"], [event["seq"] for event in accepted["history"]])
        self.assertEqual(accepted["history"][0]["text"], self.TROUBLE)
        await customer.expect("event", text="Hello, I have it now.")
        await customer.settle()
        self.assertEqual(customer.waiting("note"), [], "the customer was shown a note")

    async def test_a_transfer_to_nobody_is_refused_and_changes_nothing(self) -> None:
        seat = await self.seat("lucia")
        await make_ready(seat)
        customer = await self.customer()
        conversation = await self.ask_for_a_person(customer)
        await accept(seat, conversation)

        for to in ({"seat": "nobody"}, {"skill": "no-such-skill"}):
            error = await seat.refused(
                {"type": "transfer", "conversation": conversation, "to": to}
            )
            self.assertEqual(error["code"], "not_found", to)
        await seat.send(conversation, "Sigo aquí.")

        await customer.expect("event", text="Sigo aquí.")

    async def test_a_declined_offer_goes_to_another_seat_at_once(self) -> None:
        seats = {user: await self.seat(user) for user in ("lucia", "kofi")}
        for seat in seats.values():
            await make_ready(seat)
        customer = await self.customer(Customer(self.server.url, "en-GB"))
        conversation = await self.ask_for_a_person(customer, self.TROUBLE)
        user, offer = await self.first_offer(seats, conversation)
        [other] = [seat for name, seat in seats.items() if name != user]

        await seats[user].say({"type": "decline", "offer": offer["offer"], "reason": "busy"})
        second = await other.expect("offer", 2.0, conversation=conversation)
        await other.say({"type": "accept", "offer": second["offer"]})

        await other.expect("accepted", conversation=conversation)
        self.assertNotEqual(second["offer"], offer["offer"])

    async def first_offer(self, seats: dict, conversation: str) -> tuple[str, dict]:
        waits = {
            asyncio.create_task(seat.expect("offer", 20.0, conversation=conversation)): user
            for user, seat in seats.items()
        }
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        [task] = done
        return waits[task], task.result()


class AfterHours(Talk):
    async def test_korean_is_answered_in_the_hours_of_its_one_seat_and_has_a_ticket_else(self) -> None:
        seoul = datetime.datetime.now(zoneinfo.ZoneInfo("Asia/Seoul"))
        is_open = seoul.weekday() < 5 and 9 <= seoul.hour < 18
        customer = await self.customer(Customer(self.server.url, "ko-KR"))

        await self.ask_for_a_person(customer, "안녕하세요, 상품이 파손되어 도착했어요. 상담원과 얘기하고 싶어요.")
        kind = "queued" if is_open else "ticket"
        event = await customer.expect("event", kind=kind)

        if kind == "ticket":
            opens = datetime.datetime.fromisoformat(event["opens_at"])
            self.assertTrue(event["reference"])
            self.assertGreater(opens, datetime.datetime.now(datetime.UTC))
            self.assertEqual(opens.astimezone(seoul.tzinfo).hour, 9)
            self.assertIn("-06:00", event["opens_at_local"], "not in the customer's own zone")


class Killed(Talk):
    async def test_everything_acknowledged_is_there_after_kill_9(self) -> None:
        owner = Customer(self.server.url)
        customer, seat, conversation = await self.in_conversation(owner)
        sent = [await customer.send(conversation, f"Detalle {n}") for n in range(20)]
        sent.append(await seat.send(conversation, "Lo tengo todo."))
        await seat.say({"type": "state", "state": "away"})
        await seat.expect("state", state="away")
        asking, queue = [], []
        for name in ("primera", "segunda"):
            who = Customer(self.server.url)
            page = await self.customer(who)
            asked = await self.ask_for_a_person(page, f"{COMPLAINT} Soy la {name}.")
            await page.expect("event", kind="queued", conversation=asked)
            asking.append(who)
            queue.append(asked)
        self.assertEqual(await waiting(self.server.url, "lucia"), queue)

        self.server.kill()
        self.server.start()
        self.assertEqual(await waiting(self.server.url, "lucia"), queue, "the queue has changed")
        for who in (owner, *asking):
            who.url = self.server.url
        seat = await self.seat(resume={"session": None, "last_seq": {conversation: 0}})
        page = await self.customer(owner, {"session": None, "last_seq": {conversation: 0}})
        [position] = page.welcome["conversations"]
        events = await page.events_up_to(conversation, position["seq"])

        self.assertTrue(page.welcome["recovered"])
        self.assertEqual([event["seq"] for event in events], list(range(1, len(events) + 1)))
        by_seq = {event["seq"]: event for event in events}
        for ack in sent:
            self.assertEqual(by_seq[ack["seq"]]["id"], ack["id"], "an acknowledged message is lost")
            self.assertEqual(by_seq[ack["seq"]]["epoch"], ack["epoch"])
        owned = [at["conversation"] for at in seat.welcome["conversations"]]
        self.assertEqual(owned, [conversation], "the seat lost its conversation")
        await seat.send(conversation, "Y aquí sigo.")
        await page.expect("event", text="Y aquí sigo.")

        await make_ready(seat)
        # Two offers of one moment come from the owners of two conversations, in either order.
        offers = [await seat.expect("offer", 20.0) for _ in queue]
        self.assertCountEqual([offer["conversation"] for offer in offers], queue)


if __name__ == "__main__":
    unittest.main()
