"""Where keys come from: S3, listed in parallel key ranges."""
