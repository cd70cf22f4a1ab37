"""HTML and wiki mark-up as plain text."""

import pytest

from indexer.cleaning import plain_text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  leading and trailing  \n\n",
        "Line one\r\nLine two\r\n",
        "List<String> cannot be cast\n<T> void foo(List<T> a)",
        "<config>\n  <item name='a'>1</item>\n</config>",
        "<Alloy><Window><Label/></Window></Alloy>",
        "The label shows <b>bold</b> instead of bold text.\nSteps:\n1. open it",
        "Ask Bob <bob@example.com> or <http://example.com/x>",
        "if a < b and c > d: return",
        "Use <br> for a new line, or <br> twice",
        'alert("<b>Test</b><br/>x")',
        "It renders <div>x</div>",
        'el.innerHTML = <div class="x">a</div>',
        "# Heading\n\n* a\n* b\n\n| x | y |\n|---|---|\n\n[text](http://example.com)\n\n```html\n<p>hi</p><br>\n```",
        "`<p>hi</p>`",
        "a &amp; b &lt;x&gt;",
        "{{user.name}} is not replaced in the template [a|b]",
        "a {color:red} h1.title { color: red }",
        "{code} was never closed",
        "2024-03-04 <INFO> started\n2024-03-04 <ERROR> died",
    ],
)
def test_text_that_is_no_markup_stays(text: str) -> None:
    """Logs, generic types, XML, addresses in angle brackets and Markdown come back to the character."""
    assert plain_text(text) == text


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>Hello</p><p>it <b>fails</b></p>", "Hello\n\nit fails"),
        ("Hello,<br><br>it fails with &lt;T&gt;<br />Bye", "Hello,\n\nit fails with <T>\nBye"),
        ("Hello,<br />\nit fails<br />\nBye", "Hello,\nit fails\nBye"),
        ("Hello<div>it fails</div>", "Hello\nit fails"),
        ("<html><body>wrapped\nline here</body></html>", "wrapped line here"),
        ("<div>a</div><div><br></div><div>&nbsp;&nbsp;b</div>", "a\n\n  b"),
        ("<p>The type List<String> stays</p>", "The type List<String> stays"),
        ("<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>", "1. a\n   - b\n2. c"),
        ("<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>", "A | B\n1 | 2"),
        ("<p><a href='https://example.com/x'>the page</a></p>", "the page (https://example.com/x)"),
        ("<p><a href='http://example.com/'>example.com</a> <a href='mailto:a@b.c'>a@b.c</a></p>", "example.com a@b.c"),
        ("<p>Run</p><pre>if a:\n    b &lt; c</pre><p>now</p>", "Run\n\n```\nif a:\n    b < c\n```\n\nnow"),
        ("<p>Run <code>x &lt; y</code> now</p>", "Run `x < y` now"),
        ("<p>Run</p><pre>a\n```\nb</pre>", "Run\n\n````\na\n```\nb\n````"),
        ("<div>New<blockquote>old<br>text</blockquote></div>", "New\n> old\n> text"),
        ("<p>a<!-- <b>hidden</b> --></p><style>p {}</style><script>x()</script>", "a"),
        ("<!--[if gte mso 9]><xml><o:x/></xml><![endif]--><p class=MsoNormal>one<o:p></o:p></p>", "one"),
        ("<p class=MsoNormal>one</p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>two</p>", "one\n\ntwo"),
        ("<div><![if !supportLists]>-<![endif]> one</div>", "- one"),
        ("<p>" + "<div>" * 3000 + "deep" + "</div>" * 3000 + "</p>", "deep"),
    ],
)  # fmt: skip
def test_html(html: str, expected: str) -> None:
    """Blocks stand on lines of their own; lists, tables, links and code are kept."""
    assert plain_text(html) == expected


@pytest.mark.parametrize(
    ("wiki", "expected"),
    [
        ("h2. Problem\nSee below", "Problem\nSee below"),
        ("See [the docs|http://example.com/x].", "See the docs (http://example.com/x)."),
        ("Run\n{code:java|title=A.java}\nint x;\n{code}\nnow", "Run\nA.java\n```java\nint x;\n```\nnow"),
        ("Run {code}x(){code} now", "Run `x()` now"),
        ("{noformat}\n<p>[a|http://b]</p>\n{noformat}", "```\n<p>[a|http://b]</p>\n```"),
        ("{quote}\nlog\n{quote}", "\nlog\n"),
        ("{panel:title=Log}\nx\n{panel}", "Log\nx\n"),
        ("{color:red}red{color} text", "red text"),
        ("{html}<div><p>one</p><p>two</p></div>{html}", "one\n\ntwo"),
    ],
)
def test_wiki(wiki: str, expected: str) -> None:
    """Jira's marks go, and what they mark stays; nothing in code is touched."""
    assert plain_text(wiki) == expected
