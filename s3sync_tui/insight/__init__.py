"""What the catalog's figures mean: read models for screens and commands, no writes."""
