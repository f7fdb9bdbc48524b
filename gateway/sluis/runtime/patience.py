"""Who can wait. What is asked because it is time to ask again (a poll) gives way on a shared wire to what somebody
wants now (a command). The one who starts the work knows; the link that has to choose reads it here."""

from __future__ import annotations

from contextvars import ContextVar

patient: ContextVar[bool] = ContextVar("patient", default=False)
"""True in the tasks of the poller, and in whatever they call."""
