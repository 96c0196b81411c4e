"""Who signs: keys in a keystore, or a signer outside that is handed a digest."""
