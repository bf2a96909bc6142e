"""Holds every frame of a test against docs/asyncapi.yaml."""

import functools
import pathlib

import fastjsonschema
import yaml
from client import Connection

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "asyncapi.yaml"


@functools.cache
def document() -> dict:
    return yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))


def resolve(reference: str) -> dict:
    node = document()
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def compiled(payload: dict):
    # Draft 7 ignores what stands beside a `$ref`; here that is only ever a description.
    return fastjsonschema.compile({**payload, "components": document()["components"]})


@functools.cache
def validators(role: str) -> dict:
    """For each frame type that the router sends to this role, what checks it."""
    found = {}
    for message in document()["operations"][f"to{role.title()}"]["messages"]:
        payload = resolve(resolve(message["$ref"])["$ref"])["payload"]
        named = resolve(payload["$ref"]) if "$ref" in payload else payload
        found[named["properties"]["type"]["const"]] = compiled(payload)
    return found


def complaint(role: str, frame: dict) -> str | None:
    """What is wrong with a frame that came to this role, if anything is."""
    check = validators(role).get(frame.get("type"))
    if check is None:
        return f"no frame of type {frame.get('type')!r} is described for a {role}"
    try:
        check(frame)
    except fastjsonschema.JsonSchemaException as wrong:
        return f"{wrong.message}: {frame}"
    return None


class Watched:
    """A test case whose every frame must be one of the document."""

    def setUp(self) -> None:
        for role in ("widget", "seat"):
            validators(role)  # now, and not while the event loop waits for it
        complaints: list[str] = []

        def observe(role: str, frame: dict) -> None:
            wrong = complaint(role, frame)
            if wrong:
                complaints.append(wrong)

        Connection.observers.append(observe)
        self.addCleanup(lambda: self.assertEqual(complaints, [], "not as in docs/asyncapi.yaml"))
        self.addCleanup(Connection.observers.remove, observe)
