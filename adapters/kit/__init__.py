"""The test kit that every channel must pass: subclass `ChannelSuite`, say how your national system is driven.

    from adapters.kit import ChannelSuite

    class TestMine(ChannelSuite):
        def under_test(self, folder): return my_system(folder)     # an async context manager of a `ChannelUnderTest`

Needs pytest and pytest-asyncio in its `auto` mode (adapters/README.md).
"""

from adapters.kit.national import Behaviour, ChannelUnderTest, Outcome, Received
from adapters.kit.samples import a_delivery, written
from adapters.kit.suite import ChannelSuite

__all__ = ["Behaviour", "ChannelSuite", "ChannelUnderTest", "Outcome", "Received", "a_delivery", "written"]
