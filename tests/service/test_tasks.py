"""A task that lasts and ends is noticed, also where TaskGroup would not."""

import asyncio

import pytest

from schemas.errors import Fault
from service.tasks import lasting


async def until_cancelled() -> None:
    await asyncio.Event().wait()


async def of_a_cancelled_future() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def ended() -> None:
    return


async def failed() -> None:
    raise ValueError("its own")


async def test_what_it_awaits_being_cancelled_ends_the_group() -> None:
    with pytest.RaisesGroup(Fault):
        async with asyncio.TaskGroup() as group:
            group.create_task(lasting(until_cancelled()))
            group.create_task(lasting(of_a_cancelled_future()))


async def test_ending_by_itself_ends_the_group() -> None:
    with pytest.RaisesGroup(Fault):
        async with asyncio.TaskGroup() as group:
            group.create_task(lasting(until_cancelled()))
            group.create_task(lasting(ended()))


async def test_an_error_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="its own"):
        await lasting(failed())


async def test_being_cancelled_is_its_good_end() -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(lasting(until_cancelled()))
        await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()
