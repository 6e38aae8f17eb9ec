"""One run: list, reconcile, insert; knows no screen, no S3 and no database driver."""
