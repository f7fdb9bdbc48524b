"""The API under /api/v1: one module per noun, each with a `router`."""
