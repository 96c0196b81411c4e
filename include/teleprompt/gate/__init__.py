"""The gate of one run: the ledger of sealed examples, both programs on them, and the comparison."""
