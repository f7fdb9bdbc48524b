"""PJLink, the projector control of JBMIA."""
