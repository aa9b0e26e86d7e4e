"""Tasks that last as long as the program: none of them ends without being noticed.

A library's future that was cancelled raises CancelledError in whoever awaits it, and a TaskGroup takes a task that ends
so for one that somebody cancelled: the others go on, and nobody learns of it (seen with aiokafka, whose connection was
lost: delivery stood still in silence).
"""

import asyncio
from collections.abc import Awaitable

from schemas.errors import Fault


def uncalled_for() -> bool:
    """Where a CancelledError was caught: whether nobody cancelled this task, and what it awaited was."""
    task = asyncio.current_task()
    return task is not None and not task.cancelling()


async def lasting(work: Awaitable[None]) -> None:
    """The work, which ends by being cancelled and in no other way.

    Raises:
        Fault: it ended, or what it awaited was cancelled.
    """
    try:
        await work
    except asyncio.CancelledError as error:
        if uncalled_for():
            raise Fault("what a lasting task awaited was cancelled") from error
        raise
    raise Fault("a lasting task ended")
