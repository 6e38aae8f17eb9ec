"""Setting up: what is asked, whether the answers work, and the file that keeps them."""
