"""The report on a period, as something to send."""

from urllib.parse import urlencode

from teleprompt.alerts.alert import PAGES, Alert
from teleprompt.config.alerts import AlertEvent
from teleprompt.report.page import report_page
from teleprompt.report.records import Report
from teleprompt.report.words import headline
from teleprompt.window import format_utc


def alert_of_report(report: Report) -> Alert:
    """Its one sentence, and the whole as a page."""
    since, until = format_utc(report.since), format_utc(report.until)
    return Alert(
        event=AlertEvent.REPORT,
        program="all programs",
        text=headline(report),
        cause=f"{since}/{until}",
        at=report.until,
        page=f"{PAGES}/report?{urlencode({'since': since, 'until': until})}",
        html=report_page(report),
        facts={
            "improved": sum(bool(one.improvements) for one in report.programs),
            "rejected": sum(len(one.rejected) for one in report.programs),
            "failed": sum(len(one.failures) for one in report.programs),
            "lm_calls": report.lm_calls,
            "cost_usd": report.cost_usd,
        },
    )
