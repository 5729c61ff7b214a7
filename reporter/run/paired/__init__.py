"""`reporter ab`: two environments measured in interleaved calls."""
