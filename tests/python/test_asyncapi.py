"""docs/asyncapi.yaml is sound in itself."""

import unittest

import schema


class Document(unittest.TestCase):
    def test_every_reference_leads_somewhere(self) -> None:
        def walk(node) -> None:
            if isinstance(node, dict):
                if "$ref" in node:
                    schema.resolve(node["$ref"])
                for value in node.values():
                    walk(value)
            elif isinstance(node, list):
                for value in node:
                    walk(value)

        walk(schema.document())

    def test_every_message_has_examples_and_they_fit_it(self) -> None:
        for name, message in schema.document()["components"]["messages"].items():
            check = schema.compiled(message["payload"])
            self.assertTrue(message["examples"], name)
            for example in message["examples"]:
                with self.subTest(message=name):
                    check(example["payload"])

    def test_a_frame_that_does_not_fit_is_found_out(self) -> None:
        wrong = {"type": "ack", "id": "x", "conversation": "y", "epoch": 1, "seq": 0}

        self.assertIsNotNone(schema.complaint("widget", wrong))
        self.assertIsNotNone(schema.complaint("widget", {"type": "offer"}))
        self.assertIsNone(schema.complaint("widget", {"type": "pong"}))


if __name__ == "__main__":
    unittest.main()
