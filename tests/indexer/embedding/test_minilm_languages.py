"""What the README says of the embedded model and languages, measured."""

import asyncio
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.embedding.minilm import MiniLMEmbedder

_README = (Path(__file__).parents[3] / "README.md").read_text()
_ENGLISH = (
    ("The printer is offline after the update.", "Since the update the printer can no longer be reached."),
    ("I was charged twice this month.", "My card shows two payments for the same invoice."),
    ("Password reset mail never arrives.", "I do not get the e-mail to set a new password."),
    ("Export stops with a timeout.", "The download of the report breaks off after a minute."),
)
_GERMAN = (
    ("Der Drucker ist nach dem Update offline.", "Seit dem Update ist der Drucker nicht mehr erreichbar."),
    (
        "Mir wurde diesen Monat zweimal abgebucht.",
        "Auf meiner Karte stehen zwei Zahlungen für dieselbe Rechnung.",
    ),
    (
        "Die Mail zum Zurücksetzen des Passworts kommt nie an.",
        "Ich bekomme keine E-Mail, um ein neues Kennwort zu setzen.",
    ),
    (
        "Der Export bricht mit einer Zeitüberschreitung ab.",
        "Das Herunterladen des Berichts endet nach einer Minute.",
    ),
)


def _vectors(texts: list[str]) -> NDArray[np.float32]:
    async def main() -> NDArray[np.float32]:
        embedder, found = MiniLMEmbedder(), np.zeros((len(texts), 384), np.float32)
        try:
            async for batch in embedder.embed(texts):
                found[list(batch.positions)] = batch.vectors
        finally:
            await embedder.close()
        return found

    return asyncio.run(main())


def test_the_embedded_model_is_an_english_one() -> None:
    """In English what means the same is nearer than anything else, in German hardly, and between them nothing is near."""
    vectors = _vectors([text for pairs in (_ENGLISH, _GERMAN) for pair in pairs for text in pair])
    told = []
    for first, second in ((vectors[0:8:2], vectors[1:8:2]), (vectors[8::2], vectors[9::2])):
        cosines = first @ second.T
        same = np.diag(cosines)
        told += [same.min(), same.max(), (cosines.sum() - same.sum()) / 12]
    between = np.sum(vectors[0:8:2] * vectors[8::2], axis=1).max()
    said = re.search(
        r"cosines are ([\d.]+) to ([\d.]+)\s+in English and ([\d.]+) to ([\d.]+) in German, but .*? ([\d.]+) on average in English "
        r"and ([\d.]+) in German;\s.*? at most ([\d.]+)\.",
        _README, re.DOTALL,
    )  # fmt: skip
    assert said
    english, german = told[:3], told[3:]
    wanted = [english[0], english[1], german[0], german[1], english[2], german[2], between]
    assert [float(each) for each in said.groups()] == [round(float(each), 2) for each in wanted]
