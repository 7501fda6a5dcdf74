"""What records say about a question of the paper: small results in plain NumPy, without torch, for figures and text."""
