"""The channels that come with an edge, `folder` and `rest`: each offers `open_channel(place)` (adapters/README.md)."""
