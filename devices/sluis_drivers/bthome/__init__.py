"""BTHome."""
