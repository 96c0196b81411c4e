"""The generated pages of docs/reference: `make reference` writes them, `make lint` compares."""
