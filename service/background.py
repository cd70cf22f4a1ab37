"""Tasks in the background of the service."""

import asyncio

__all__ = ["end_task"]


async def end_task(task: asyncio.Task[None] | None) -> None:
    """Cancel the task, if there is one, and wait for its end."""
    if task is not None:
        task.cancel()
        await asyncio.wait({task})
