"""Who looked at which case: one leaf an officer, case and hour, durable before the page is sent.

See settled.md, Accounts. A crash after the commit leaves a leaf for a page that nobody got to see, never the reverse.
"""

from hub.console.accounts import Viewer
from hub.log.batch import SECONDS_AN_HOUR, Answer, Batch, CaseRow, Draft, Sealed
from hub.wiring import Hub
from schemas.errors import Rejected
from service.failpoints import reach

_NEW = "INSERT INTO case_view (key, hour) VALUES (?, ?) ON CONFLICT DO NOTHING"
_OVER = "DELETE FROM case_view WHERE hour < ?"


async def record_view(hub: Hub, viewer: Viewer, row: int, handle: str) -> None:
    """The log holds that the viewer looked at the case in this hour.

    Args:
        hub: the hub.
        viewer: whose case it is, as the store has judged.
        row: the case's.
        handle: the case's, which the leaf commits to.

    Raises:
        Rejected: NOT_FOUND when the case was erased meanwhile.
        Unavailable: it could not be logged, and so must not be shown.
    """
    found = hub.reader.case_key(row)
    if found is None:
        raise Rejected("NOT_FOUND")
    case = CaseRow(row, found[1], found[0])

    def work(batch: Batch) -> Answer[None]:
        hour = batch.seconds // SECONDS_AN_HOUR
        key = hub.at_rest.lookup("case-view", viewer.partner, viewer.account.id, str(row), str(hour))
        if batch.connection.execute(_NEW, (key, hour)).rowcount:
            batch.connection.execute(_OVER, (hour,))
            committed = {"case": handle, "actor": viewer.actor}
            batch.add(Draft("CaseViewed", source=viewer.partner, prev=row, committed=committed, case=case))
        reach("hub.views.recorded")
        return _nothing

    await hub.writer.submit(work)


def _nothing(_: Sealed) -> None:
    return None
