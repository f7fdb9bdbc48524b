"""What is printed: labels, instruction cards, commissioning reports; and the certificate behind a report.

    sizes         label stock                         words         the words on papers, Dutch and English
    labels        labels, as PDF and PNG              type          fonts, and text that fits
    cards         a card's text, and as HTML          card_sheet    a card on paper
    certificate   what was checked, signed            report        a certificate on paper

Nothing here knows the gateway: what stands on a paper is handed in. Sizes are millimetres, type sizes points. What
draws (`labels`, `card_sheet`, `report`, `type`) brings the PDF library along; whoever may never draw imports it late.
"""
