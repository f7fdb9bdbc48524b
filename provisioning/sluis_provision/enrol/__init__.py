"""Enrolment: who a node is, what it is told, how it proves itself, and how another takes its place."""

from sluis_provision.enrol.enrolment import Enrolment
from sluis_provision.enrol.issued import Issued, Network
from sluis_provision.enrol.proof import Bounds, Line, Verdict, judge
from sluis_provision.enrol.secret import SiteSecret

__all__ = ["Bounds", "Enrolment", "Issued", "Line", "Network", "SiteSecret", "Verdict", "judge"]
