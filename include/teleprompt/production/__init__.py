"""What becomes of a version in production: a challenger that has to prove itself, a champion that is watched."""

from teleprompt.deltaone.decide_off_policy import decide_off_policy
from teleprompt.deltaone.decide_online import decide_online
from teleprompt.deltaone.off_policy_calls import ExploredCall
from teleprompt.deltaone.off_policy_report import OffPolicyPolicy
from teleprompt.deltaone.online_calls import Call
from teleprompt.deltaone.online_policy import OnlinePolicy

__all__ = ["Call", "ExploredCall", "OffPolicyPolicy", "OnlinePolicy", "decide_off_policy", "decide_online"]
