"""Bodies: JSON in UTF-8, or a clear word on what is wrong with them."""

from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import ClientException

__all__ = ["JSONRequest", "decoded"]


class JSONRequest(Request[Any, Any, Any]):
    """A request whose JSON is decoded here: Litestar's own decoder lets a wrong encoding or deep nesting become a 500."""

    async def json(self) -> Any:
        """Return the decoded body.

        :raises ClientException: it is not JSON.
        """
        return decoded(await self.body())


def decoded(body: bytes) -> Any:
    """Return what JSON says.

    :raises ClientException: it is not JSON in UTF-8, or nested too deeply.
    """
    if not body.strip():
        msg = "the body is empty"
    else:
        try:
            return msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            msg = f"this is not JSON: {error}"
        except UnicodeDecodeError as error:
            # Python's own words count from the beginning of the string that the byte is in.
            msg = f"this is not UTF-8: {error.object[error.start : error.start + 1]!r} has no meaning there"
        except RecursionError:
            msg = "this JSON is nested too deeply"
    raise ClientException(msg)
