"""DynamoDB's JSON, written and read as it is sent: only binary values are other objects here.

The store's actions are that JSON already. botocore walks the service's model through each to find
the binary values, and through all that a value could be where it reads one: half of what a large
answer costs. So its model is told that what is inside a request or an answer is a document, which
botocore leaves as it is, and two of its events turn binary values into base 64 and back.

Sets of binary values, and what the service's administration answers with times in it, would need
more; the store has neither.
"""

from base64 import b64decode, b64encode
from typing import Any


def mark_documents(model: dict[str, Any]) -> None:
    """Mark in a service's model all that is inside its requests, and its answers, as documents."""
    requests = {operation["input"]["shape"] for operation in model["operations"].values()}
    for name, shape in model["shapes"].items():
        if shape["type"] == "structure" and name not in requests and not shape.get("exception"):
            shape["document"] = True


def register(client: Any) -> None:  # noqa: ANN401 (botocore makes its clients' classes at run time)
    """Have a client whose model is marked write and read binary values.

    A botocore that knew no documents, or spoke to DynamoDB in CBOR, where it regards none, would do
    so by itself, and would do it once more.
    """
    model = client.meta.service_model
    if model.resolved_protocol == "json" and model.shape_for("AttributeValue").is_document_type:
        client.meta.events.register("provide-client-params.dynamodb", _write_request)
        client.meta.events.register("after-call.dynamodb", _read_answer)


def _write_request(params: dict[str, Any], **_event: object) -> dict[str, Any]:
    written: dict[str, Any] = _written(params)
    return written


def _written(value: Any) -> Any:  # noqa: ANN401 (JSON, but for bytes)
    """Return a part of a request with its binary values as text.

    What holds one is copied, for whoever made the request may send it again; the rest is not.
    """
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, dict):
        changed = {}
        for name, member in value.items():
            # Nearly all is text: looked at here, it takes no call of its own.
            if type(member) is not str and (written := _written(member)) is not member:
                changed[name] = written
        return value | changed if changed else value
    return list(map(_written, value)) if isinstance(value, _LISTS) else value


_LISTS = list, tuple


def _read_answer(parsed: dict[str, Any], http_response: Any, **_event: object) -> None:  # noqa: ANN401 (botocore's own)
    # Nothing is looked for where no binary value is named, as in thousands of cells.
    if b'"B"' in http_response.content:
        _read(parsed)


def _read(value: dict[str, Any]) -> None:
    """Read the binary values of a part of an answer, in place; an attribute named B is no text."""
    if isinstance(binary := value.get("B"), str):
        value["B"] = b64decode(binary)
    for member in value.values():
        if isinstance(member, dict):
            _read(member)
        elif isinstance(member, list):
            for element in member:
                if isinstance(element, dict):
                    _read(element)
