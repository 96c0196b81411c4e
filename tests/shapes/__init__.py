"""Programs as people write them, each taken from `validate` to a verdict."""
