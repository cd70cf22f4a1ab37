"""Finds mark-up that a client would act on: links, tags, images, and the role markers of chat models."""

import re
from collections.abc import Iterator

from service.drafting.addresses import addresses

__all__ = ["markup", "without_placeholders"]

_IMAGE = re.compile(r"!\[(?!\d+\])[^\]]*\]?(?:\s?[(\[][^)\]]*[)\]]?)?|!\[[^\]]*\]\s?[(\[]")
_LINK = re.compile(r"\]\(\s*<?([^)\s>]*)[^)]*\)?")
_REFERENCE = re.compile(r"(?<![\w\])])\[[^\]\d]+\]\s?\[[^\]]*\]")
_DEFINITION = re.compile(
    r"^[ \t>*+-]*\[[^\]\n]+\]:[ \t]*\n?[ \t]*<?(\S+?)>?[ \t]*(?:[\"'(].*)?$", re.MULTILINE
)
_TAG = re.compile(r"<(?:[/!?@#|]?[a-z]|!--|\||<[a-z])[^<>]*>?", re.IGNORECASE)
_CODE = re.compile(r"`[^`\n]+`")
_PLACEHOLDER = re.compile(r"<([a-z][\w-]*)(?: [\w-]+){0,3}>", re.IGNORECASE)
_ELEMENT = re.compile(
    r"a|abbr|address|applet|area|article|aside|audio|b|base|bdi|bdo|bgsound|big|blink|blockquote|body|"
    r"br|button|canvas|caption|center|cite|code|col|data|datalist|dd|del|details|dfn|dialog|dir|div|"
    r"dl|dt|em|embed|fieldset|figure|font|footer|form|frame|frameset|h1|h2|h3|h4|h5|h6|head|header|"
    r"hr|html|i|iframe|image|img|input|ins|isindex|kbd|keygen|label|layer|legend|li|link|listing|"
    r"main|map|mark|marquee|math|menu|meta|meter|nav|nobr|noembed|noframes|noscript|object|ol|optgroup|"
    r"option|output|p|param|picture|plaintext|portal|pre|progress|q|rp|rt|ruby|s|samp|script|search|"
    r"section|select|slot|small|source|span|strike|strong|style|sub|summary|sup|svg|system|table|tbody|"
    r"td|template|textarea|tfoot|th|thead|think|thinking|time|title|tr|track|tt|u|ul|user|assistant|"
    r"var|video|wbr|xmp|xml|tool|tool_call|instructions|prompt",
    re.IGNORECASE,
)
_AUTOLINK = re.compile(r"<(?:[a-z][\w+.-]*:[^\s<>]*|[^\s<>@]+@[^\s<>@]+)>", re.IGNORECASE)
_BOARD_CODE = re.compile(
    r"\[/(?:url|img|email|b|i|u|s|size|colou?r|font|quote|center|code|video|audio|youtube|iframe|spoiler|inst|sys)\]"
    r"|\[(?:url|img|email|size|colou?r|font|quote|iframe)=|(?<!\w)\[(?:url|img|iframe|inst|sys|system|user|assistant|developer|tool)\b[^\]]*\]",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"^[ \t>#*_-]*(?:system|assistant|developer|human|tool|ai)(?:[ _-]?(?:prompt|message|instructions?))?[ \t]*[*_]*[ \t]*:"
    r"|^[ \t]*#{2,}[ \t]*(?:system|assistant|instruction|human|user|response)\b"
    r"|^(?-i:User|USER)[ \t]*:[ \t]|\|im_(?:start|end)|\bim_(?:start|end)\||endoftext|begin_of_text|end_of_turn|start_of_turn|start_header_id|eot_id"
    r"|\{\{[^{}\n]*\}\}|\{%|(?:begin|end)[ _]+(?:of[ _]+)?(?:the[ _]+)?(?:system|hidden)?[ _]*(?:prompt|instructions?)",
    re.IGNORECASE | re.MULTILINE,
)


def without_placeholders(text: str) -> str:
    """Return the text without the brackets around what code has for a reader's own value: `Bearer <your token>`."""
    return _CODE.sub(lambda code: _PLACEHOLDER.sub(_name, code[0]), text)


def _name(tag: re.Match[str]) -> str:
    return tag[0] if _ELEMENT.fullmatch(tag[1]) else tag[1]


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
            if not found[1].startswith("#") and not any(addresses(found[1])):
                yield found[0].strip().casefold()
