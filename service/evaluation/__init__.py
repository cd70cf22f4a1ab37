"""Back-test of the priority on the team's own later tickets, and the audit of its labels."""

from service.evaluation.audit import Audit, audit
from service.evaluation.backtest import evaluate
from service.evaluation.cases import Cases, EvaluationError
from service.evaluation.page import page
from service.evaluation.records import Evaluation

__all__ = ["Audit", "Cases", "Evaluation", "EvaluationError", "audit", "evaluate", "page"]
