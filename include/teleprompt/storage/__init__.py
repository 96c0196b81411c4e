"""What is big or must survive a kill: blobs under their digest, journals line by line."""
