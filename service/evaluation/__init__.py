"""Back-test of the priority on the team's own later tickets, and the audit of its labels."""

from service.evaluation.backtest import evaluate
from service.evaluation.cases import Cases, EvaluationError
from service.evaluation.label_audit import Audit, audit
from service.evaluation.page import page
from service.evaluation.result import Evaluation

__all__ = ["Audit", "Cases", "Evaluation", "EvaluationError", "audit", "evaluate", "page"]
