"""Which embedder: hosted or local."""

from typing import Literal

from indexer.embedding.minilm import MINILM_MODEL, MiniLMEmbedder
from indexer.embedding.protocol import Embedder
from indexer.errors import SettingsError
from indexer.settings import Settings

__all__ = ["open_embedder"]


def open_embedder(
    settings: Settings,
    *,
    kind: Literal["hosted", "local"] | None = None,
    model: str | None = None,
    retries: int,
) -> Embedder:
    """Open the embedder that settings choose, or the one of a generation that was built with another model.

    :param retries: how often the provider is asked again after a failure that may pass.
    :raises SettingsError: it cannot be opened with these settings.
    """
    kind = kind or settings.chosen_embedder[0]
    if kind == "local":
        if model not in (None, MINILM_MODEL):
            msg = f"the local embedder is {MINILM_MODEL}; this release does not have {model}"
            raise SettingsError(msg)
        return MiniLMEmbedder()
    if not settings.provider_configured:
        msg = f"{model or settings.embedding_model} is embedded by the provider: set OXLO_API_KEY"
        raise SettingsError(msg)
    from indexer.embedding.openai_compatible import OpenAICompatibleEmbedder
    from indexer.provider import open_provider

    return OpenAICompatibleEmbedder(
        open_provider(settings, max_retries=retries),
        model=model or settings.embedding_model,
        batch_size=settings.embedding_batch_size,
        concurrency=settings.embedding_concurrency,
    )
