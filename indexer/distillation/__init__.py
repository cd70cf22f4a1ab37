"""A ticket's problem and resolution, written by the chat model from its conversation, once per ticket ever."""

from indexer.distillation.applying import problem_of, with_distillates
from indexer.distillation.asking import Distilled, distil, expected

__all__ = ["Distilled", "distil", "expected", "problem_of", "with_distillates"]
