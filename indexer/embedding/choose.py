"""Opens the embedder that settings choose: hosted or local."""

from typing import Literal

from indexer.embedding import Embedder
from indexer.embedding.minilm import MINILM_MODEL, MiniLMEmbedder
from indexer.errors import SettingsError
from indexer.ledger import Ledger
from indexer.provider import open_provider
from indexer.rate_limiter import RateLimiter, open_limiter
from indexer.settings import Settings
from indexer.ticket import RECIPE

__all__ = ["open_embedder"]


def open_embedder(
    settings: Settings,
    ledger: Ledger | None = None,
    *,
    kind: Literal["hosted", "local"] | None = None,
    model: str | None = None,
    retries: int,
    patience: float | None = None,
    limiter: RateLimiter | None = None,
) -> Embedder:
    """Open the embedder that settings choose, or the one of a generation that was built with another model.

    :param ledger: its generations say what dimension the model has; an answer with another one is then unusable.
    :param retries: how often a request that failed is repeated.
    :param patience: seconds above which the provider's ``Retry-After`` is not waited for.
    :param limiter: the process's own, when more than this embedder asks the provider.
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

    model = model or settings.embedding_model
    # Vectors of a run that recorded no ticket prove nothing: the address may have been wrong.
    spaces = [generation.space for generation in ledger.generations.all()] if ledger else []
    dimensions = [s.dimension for s in spaces if (s.kind, s.model, s.recipe) == ("hosted", model, RECIPE)]
    return OpenAICompatibleEmbedder(
        open_provider(settings, max_retries=retries, patience=patience),
        model=model,
        redact=settings.redact,
        limiter=limiter or open_limiter(settings),
        dimension=dimensions[0] if dimensions else None,
        batch_size=settings.embedding_batch_size,
        concurrency=settings.embedding_concurrency,
    )
