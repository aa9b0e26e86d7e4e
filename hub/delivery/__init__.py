"""Delivery: what was accepted goes to its recipients, by push to those that can be called, by the inbox to all.

`consignment` writes what became of it to the log, `pushing` makes one call, `lanes` decides when, `backoff` how long to
leave a sick partner alone.
"""

from hub.delivery.lanes import run

__all__ = ["run"]
