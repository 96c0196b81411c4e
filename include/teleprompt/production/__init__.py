"""What becomes of a version in production: a challenger that has to prove itself, a champion that is watched."""

from teleprompt.deltaone.decide_online import decide_online
from teleprompt.deltaone.online_calls import Call
from teleprompt.deltaone.online_policy import OnlinePolicy

__all__ = ["Call", "OnlinePolicy", "decide_online"]
