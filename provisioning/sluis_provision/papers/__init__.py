"""What is printed: labels, instruction cards, commissioning reports; and the certificate behind a report.

Nothing here knows the gateway: what stands on a paper is handed in. Sizes are millimetres, type sizes points.
"""

from sluis_provision.papers.cards import CardSource, Offer, card_html, card_pdf, first_card
from sluis_provision.papers.certificate import Certificate, Check, Result, opened, sealed
from sluis_provision.papers.labels import Label, label_png, label_sheet
from sluis_provision.papers.report import Picture, Report, report_pdf
from sluis_provision.papers.sizes import SHEETS, TAPES, Sheet, Tape

__all__ = [
    "SHEETS",
    "TAPES",
    "CardSource",
    "Certificate",
    "Check",
    "Label",
    "Offer",
    "Picture",
    "Report",
    "Result",
    "Sheet",
    "Tape",
    "card_html",
    "card_pdf",
    "first_card",
    "label_png",
    "label_sheet",
    "opened",
    "report_pdf",
    "sealed",
]
