"""Names of the points by which a device's own firmware is seen and updated (`sluis.sdk.firmware` explains them)."""

from __future__ import annotations

from sluis.model.points import Kind, Point

INSTALLED_KEY = "firmware_installed"
AVAILABLE_KEY = "firmware_available"
STATE_KEY = "firmware_state"
PROGRESS_KEY = "firmware_progress"
REASON_KEY = "firmware_reason"
UPDATE_KEY = "firmware_update"
CHECK_KEY = "firmware_check"


def starts_update(point: Point) -> bool:
    """Whether to write this point starts an update: ours, or the device's own update button (quantity `update`)."""
    return point.key == UPDATE_KEY or (point.writable and point.kind is Kind.TRIGGER and point.quantity == "update")
