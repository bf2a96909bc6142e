"""What customers write stays out of the log, whatever its level, and out of the metrics."""

import os
import unittest
import urllib.request
from unittest import mock

from client import make_ready, new_id
from test_conversation import Talk

PLANTED = {
    "text": "zinnoberrot",
    "e-mail": "planted.person@example.org",
    "phone": "+4915112345678",
    "card": "4111111111111111",
}
SENTENCE = (
    f"Mein {PLANTED['text']}es Paket fehlt, {PLANTED['e-mail']}, {PLANTED['phone']}, "
    f"Karte {PLANTED['card']}"
)


class Privacy(Talk):
    @classmethod
    def setUpClass(cls) -> None:
        with mock.patch.dict(os.environ, {"TRADEWIND_LOG_LEVEL": "trace"}):
            super().setUpClass()

    async def test_nothing_that_people_write_is_logged_or_measured(self) -> None:
        customer = await self.customer()
        seat = await self.seat()
        await make_ready(seat)

        conversation = await self.ask_for_a_person(customer, SENTENCE)
        await customer.refused({"type": "send", "id": new_id(), "text": SENTENCE * 500})
        await customer.say_raw('{"type":"' + SENTENCE + '"}')
        await customer.expect("error", code="bad_frame")
        await self.end(customer, conversation)
        with urllib.request.urlopen(self.server.url + "/metrics") as answer:
            metrics = answer.read().decode()

        log = self.server.log()
        self.assertIn("journal replayed", log)
        for kind, planted in PLANTED.items():
            self.assertNotIn(planted, log, kind)
            self.assertNotIn(planted, metrics, kind)


if __name__ == "__main__":
    unittest.main()
