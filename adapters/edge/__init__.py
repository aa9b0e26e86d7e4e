"""The program an authority runs: its outbox and inbox, its keys, and the watch it keeps on the hub's log."""
