"""What the OpenAPI document says of a field: ``Annotated[str, doc("…")]``."""

import msgspec

__all__ = ["doc"]


def doc(description: str) -> msgspec.Meta:
    """Return the annotation of a field with this description."""
    return msgspec.Meta(description=description)
