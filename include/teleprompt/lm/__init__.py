"""Language models: the embedded offline engine, and any model that LiteLLM names."""
