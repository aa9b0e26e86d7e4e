"""How one layout of the tables becomes the next (Alembic); `hub.store.migrating` runs them."""
