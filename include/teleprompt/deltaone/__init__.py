"""Is the candidate really better: statistics of paired and of online outcomes, pure functions all of them."""
