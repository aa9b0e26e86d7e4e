"""How one authority speaks: the edge program and its channels. Never imports `hub`."""
