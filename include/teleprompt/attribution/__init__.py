"""Who brought the data, and what each is due."""
