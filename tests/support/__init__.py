"""What tests need to have a world to run in."""
