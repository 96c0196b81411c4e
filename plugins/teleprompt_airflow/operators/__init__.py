"""One operator per stage: resolve the run's window and settings, call the stage, return its record."""

from teleprompt_airflow.operators.approval import GateApprovalOperator
from teleprompt_airflow.operators.attest import AttestOperator
from teleprompt_airflow.operators.baseline import BaselineOperator
from teleprompt_airflow.operators.collect import CollectOperator
from teleprompt_airflow.operators.compile import CompileOperator
from teleprompt_airflow.operators.conclude import ConcludeOperator
from teleprompt_airflow.operators.deltaone_branch import DeltaOneBranchOperator
from teleprompt_airflow.operators.gate import GateOperator
from teleprompt_airflow.operators.invalid_program import InvalidProgramOperator
from teleprompt_airflow.operators.maintenance import MaintenanceOperator
from teleprompt_airflow.operators.power import PowerOperator
from teleprompt_airflow.operators.register import RegisterOperator
from teleprompt_airflow.operators.report import ReportOperator
from teleprompt_airflow.operators.score_gate import ScoreGateOperator, ScoreTrialOperator
from teleprompt_airflow.operators.select import SelectOperator
from teleprompt_airflow.operators.submit import SubmitOperator
from teleprompt_airflow.operators.trial_branch import TrialBranchOperator
from teleprompt_airflow.operators.watch import WatchOperator

__all__ = [
    "AttestOperator",
    "BaselineOperator",
    "CollectOperator",
    "CompileOperator",
    "ConcludeOperator",
    "DeltaOneBranchOperator",
    "GateApprovalOperator",
    "GateOperator",
    "InvalidProgramOperator",
    "MaintenanceOperator",
    "PowerOperator",
    "RegisterOperator",
    "ReportOperator",
    "ScoreGateOperator",
    "ScoreTrialOperator",
    "SelectOperator",
    "SubmitOperator",
    "TrialBranchOperator",
    "WatchOperator",
]
