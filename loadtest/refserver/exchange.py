"""One REST call's way in and out: its body and ids read, its answer or refusal written.

Status codes and error bodies are upstream's (``app/controllers/concerns/request_exception_handler.rb``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import msgspec
from aiohttp import web

from loadtest.refserver.state import TakenError

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
_T = TypeVar("_T")

_encode = msgspec.json.Encoder().encode


class Refused(Exception):  # noqa: N818 - an answer, not a failure of the server
    """A call that ends with an error status.

    Attributes:
        status: of HTTP.
        body: what is answered as JSON.
    """

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def not_found() -> Refused:
    """404, for whatever does not exist."""
    return Refused(404, {"error": "Resource could not be found"})


def taken(error: TakenError) -> Refused:
    """422, for what another contact has."""
    return Refused(
        422, {"error": f"{error.key.replace('_', ' ').capitalize()} has already been taken", "attributes": [error.key]}
    )


def answering(handler: Handler) -> Handler:
    """A handler whose refusals are answered."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            return json_answer(refused.body, refused.status)

    return answer


async def read_body(request: web.Request, decode: Callable[[bytes], _T]) -> _T:
    """Read the body; nothing counts as an empty object.

    Raises:
        Refused: 422 for JSON of another shape, 400 for what is no JSON.
    """
    try:
        return decode(await request.read() or b"{}")
    except msgspec.ValidationError as error:
        raise Refused(422, {"error": str(error)}) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, {"status": 400, "error": f"Bad Request: {error}"}) from None


def path_id(request: web.Request, name: str) -> int:
    """Read an id from the path.

    Raises:
        Refused: 404 where no id can be.
    """
    text = request.match_info[name]
    # 18 digits hold every id there can be, and keep a path of digits from becoming a huge number.
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise not_found()
    return int(text)


def json_answer(body: Any, status: int = 200) -> web.Response:
    """An answer in JSON."""
    return web.Response(status=status, body=_encode(body), content_type="application/json", charset="utf-8")
