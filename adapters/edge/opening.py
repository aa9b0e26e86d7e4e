"""Makes the channels that the settings name, and finds the addresses they bring."""

from collections.abc import Iterator
from importlib import import_module

from starlette.routing import BaseRoute, Mount

from adapters.contract import Channel, Mounting, Place
from adapters.edge.settings import ChannelSettings, EdgeSettings
from schemas.errors import Rejected

CHANNELS_FOLDER = "channels"


def open_channels(settings: EdgeSettings) -> dict[str, Channel]:
    """Every channel by its name, not yet connected.

    Raises:
        Rejected: NOT_FOUND for a module that is not there or offers no channel, FIELD_RANGE for a direction that the
            channel does not have, each with the place in the settings; or what the channel says of its options.
    """
    found: dict[str, Channel] = {}
    for name, wanted in settings.channels.items():
        folder = settings.folder / CHANNELS_FOLDER / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        channel = _open(f"/channels/{name}", wanted, Place(name, folder, wanted.options))
        if not set(wanted.directions) <= channel.manifest.directions:
            raise Rejected("FIELD_RANGE", f"/channels/{name}/directions")
        found[name] = channel
    if sum("out" in one.directions and not one.kinds for one in settings.channels.values()) > 1:
        raise Rejected("FIELD_RANGE", "/channels")  # two would take every other kind
    return found


def channel_routes(channels: dict[str, Channel]) -> Iterator[BaseRoute]:
    """The addresses of channels that have some, below `/channels/NAME`."""
    for name, channel in channels.items():
        if isinstance(channel, Mounting):
            yield Mount(f"/channels/{name}", routes=list(channel.routes()))


def _open(path: str, wanted: ChannelSettings, place: Place) -> Channel:
    module = wanted.use if "." in wanted.use else f"adapters.channels.{wanted.use}"
    try:
        make = import_module(module).open_channel
    except (ImportError, AttributeError) as error:
        raise Rejected("NOT_FOUND", f"{path}/use") from error
    channel: Channel = make(place)
    return channel
