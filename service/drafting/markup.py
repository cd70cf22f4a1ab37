"""Finding what a reader's program would act on or a model's own frame would show: links, tags, images, roles."""

import re
from collections.abc import Iterator

__all__ = ["markup"]

_IMAGE = re.compile(r"!\[(?!\d+\])[^\]]*\]?(?:\s?[(\[][^)\]]*[)\]]?)?|!\[[^\]]*\]\s?[(\[]")
_LINK = re.compile(r"\]\s?\(\s*<?([^)\s>]*)[^)]*\)?")
_REFERENCE = re.compile(r"(?<![\w\])])\[[^\]\d]+\]\s?\[[^\]]*\]")
_DEFINITION = re.compile(
    r"^[ \t>*+-]*\[[^\]\n]+\]:[ \t]*\n?[ \t]*<?(\S+?)>?[ \t]*(?:[\"'(].*)?$", re.MULTILINE
)
_TAG = re.compile(r"<(?:[/!?@#|]?[a-z]|!--|\||<[a-z])[^<>]*>?", re.IGNORECASE)
_AUTOLINK = re.compile(r"<(?:[a-z][\w+.-]*:[^\s<>]*|[^\s<>@]+@[^\s<>@]+)>", re.IGNORECASE)
_BOARD_CODE = re.compile(
    r"\[/(?:url|img|email|b|i|u|s|size|colou?r|font|quote|center|code|video|audio|youtube|iframe|spoiler|inst|sys)\]"
    r"|\[(?:url|img|email|size|colou?r|font|quote|iframe)=|(?<!\w)\[(?:url|img|iframe|inst|sys|system|user|assistant|developer|tool)\b[^\]]*\]",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"^[ \t>#*_-]*(?:system|assistant|developer|human|tool|ai)(?:[ _-]?(?:prompt|message|instructions?))?[ \t]*[*_]*[ \t]*:"
    r"|^[ \t]*#{2,}[ \t]*(?:system|assistant|instruction|human|user|response)\b"
    r"|\|im_(?:start|end)|\bim_(?:start|end)\||endoftext|begin_of_text|end_of_turn|start_of_turn|start_header_id|eot_id"
    r"|\{\{[^{}\n]*\}\}|\{%|(?:begin|end)[ _]+(?:of[ _]+)?(?:the[ _]+)?(?:system|hidden)?[ _]*(?:prompt|instructions?)",
    re.IGNORECASE | re.MULTILINE,
)


def markup(text: str) -> Iterator[str]:
    """Yield, in lower case, every image, tag, link target that is no address of its own, and role marker."""
    for pattern in (_IMAGE, _REFERENCE, _BOARD_CODE, _ROLE):
        for found in pattern.finditer(text):
            yield found[0].strip().casefold()
    for found in _TAG.finditer(text):
        if not _AUTOLINK.match(text, found.start()):  # whether it may be shown is its address's question
            yield found[0].strip().casefold()
    for pattern in (_LINK, _DEFINITION):
        for found in pattern.finditer(text):
            target = found[1]
            if not re.match(
                r"#|[a-z][\w+.-]*://|(?:mailto|tel|sms):|\w[\w.-]*\.\w+(?:/|\Z)", target, re.IGNORECASE
            ):
                yield found[0].strip().casefold()
