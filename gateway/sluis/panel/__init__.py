"""The panel: API, live stream, sign-in, and the pages. See DESIGN section 2."""
