"""Which tests stay in one process: those that share a store or a server which takes long to make.

The marks that pytest-xdist has for it are written into a field that node ids of pytest 9 no longer have, and so are
passed over without a word.
"""

from collections.abc import Mapping

from xdist.scheduler import LoadScopeScheduling

GROUPS: Mapping[str, str] = {
    "tests/airflow/api/": "an API server",
    "tests/cli/test_attest_commands.py": "attestations",
    "tests/docs/test_docs.py": "a week of calls",
    "tests/e2e/": "two cores: one Airflow after the other",
    "tests/maintenance/test_backup.py": "a backup",
    "tests/maintenance/test_older_records.py": "older records",
    "tests/maintenance/test_rehearsal.py": "a week of calls",
    "tests/monitoring/": "what a run sends",
    "tests/production/": "a challenger",
    "tests/shapes/test_shapes.py::test_every_strategy_teaches": "strategies",
    "tests/test_snippets.py": "a week of calls",
}
"""What tests share, by the beginning of their ids."""


class GroupsFirst(LoadScopeScheduling):
    """Hands out groups as a whole, the largest first, and all other tests one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group for place, group in GROUPS.items() if nodeid.startswith(place)), nodeid)
