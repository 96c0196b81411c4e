"""Is the candidate really better: the sealed, paired comparison and its verdict."""
