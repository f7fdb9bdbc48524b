"""Intake: frame -> driver choice -> decode -> twin -> store -> acknowledge -> bus."""

from sluis.intake.carriers import Carriers
from sluis.intake.entry import FrameCounters
from sluis.intake.intake import Intake
from sluis.intake.poller import Poller
from sluis.intake.register import Register
from sluis.intake.settings import IntakeSettings

__all__ = ["Carriers", "FrameCounters", "Intake", "IntakeSettings", "Poller", "Register"]
