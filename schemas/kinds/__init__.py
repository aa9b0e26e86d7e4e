"""The message kinds, one file a family and version: models, the rules between fields, what the hub is told."""
