"""What alerts and explanations say, in English and Dutch, by message id and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SENTENCES: dict[str, tuple[str, str]] = {
    # Alerts: (English, Dutch)
    "above": (
        "{device}: {point} is {value}, above {limit}",
        "{device}: {point} is {value}, boven {limit}",
    ),
    "below": (
        "{device}: {point} is {value}, below {limit}",
        "{device}: {point} is {value}, onder {limit}",
    ),
    "equals": ("{device}: {point} is {value}", "{device}: {point} is {value}"),
    "absent": (
        "{device}: no good reading of {point} for {span}",
        "{device}: al {span} geen goede meting van {point}",
    ),
    "rises": (
        "{device}: {point} rose by more than {limit} within {span}, to {value}",
        "{device}: {point} steeg meer dan {limit} binnen {span}, tot {value}",
    ),
    "falls": (
        "{device}: {point} fell by more than {limit} within {span}, to {value}",
        "{device}: {point} daalde meer dan {limit} binnen {span}, tot {value}",
    ),
    "changes": (
        "{device}: {point} changed by more than {limit} within {span}, to {value}",
        "{device}: {point} veranderde meer dan {limit} binnen {span}, tot {value}",
    ),
    "stuck": (
        "{device}: {point} has been {value} for {span}; the sensor may be stuck",
        "{device}: {point} is al {span} {value}; de sensor zit misschien vast",
    ),
    "poor": (
        "{device}: {point} gives no reliable value",
        "{device}: {point} geeft geen betrouwbare waarde",
    ),
    "offline": ("{device} is offline", "{device} is offline"),
    "offline-many": (
        "{device} is offline; {affected} devices behind it cannot be reached",
        "{device} is offline; {affected} apparaten erachter zijn onbereikbaar",
    ),
    "unheard": (
        "{device} has not been heard since the gateway started",
        "Van {device} is niets gehoord sinds de gateway is gestart",
    ),
    "not-back": (
        "{device} did not come back after its connection was restored",
        "{device} kwam niet terug nadat de verbinding was hersteld",
    ),
    "disagreement": (
        "{device}: {point} should be {wish}, but the device does not report that",
        "{device}: {point} moet {wish} zijn, maar het apparaat meldt dat niet",
    ),
    "not-effective": (
        "{device}: {point} was set to {wish}, but nothing happened",
        "{device}: {point} werd {wish}, maar er gebeurde niets",
    ),
    "flood": (
        "{device} sends far too much; part of it is dropped",
        "{device} stuurt veel te veel; een deel wordt weggegooid",
    ),
    "driver-fault": (
        "{device}: its driver fails on what it sends",
        "{device}: de driver kan niet verwerken wat het apparaat stuurt",
    ),
    "link-down": (
        "Link {name} is down; {affected} devices cannot be reached",
        "Verbinding {name} is weg; {affected} apparaten zijn onbereikbaar",
    ),
    "disk-full": (
        "The disk is full; readings are no longer acknowledged",
        "De schijf is vol; metingen worden niet meer bevestigd",
    ),
    "clock-distrusted": (
        "The clock cannot be trusted; times may be wrong",
        "De klok is niet te vertrouwen; tijden kunnen onjuist zijn",
    ),
    "rules-broken": (
        "The rules file has an error; the last good rules stay in force: {detail}",
        "Het regelbestand bevat een fout; de laatste goede regels blijven gelden: {detail}",
    ),
    "notify-failing": (
        "Messages to {name} do not arrive: {detail}",
        "Berichten aan {name} komen niet aan: {detail}",
    ),
    "part-failing": ("{name} keeps failing: {detail}", "{name} valt telkens uit: {detail}"),
    "and-more": ("{first} (and {more} more like it)", "{first} (en nog {more} soortgelijke)"),
    # Explanations
    "why.value": ("{device}: {point} is {value} ({quality})", "{device}: {point} is {value} ({quality})"),
    "why.none": ("{device}: {point} has not been reported", "{device}: {point} is nog niet gemeld"),
    "why.stale": (
        "This value is old: the device has been silent too long",
        "Deze waarde is oud: het apparaat is te lang stil",
    ),
    "why.unreachable": ("{device} is {availability}: {reason}", "{device} is {availability}: {reason}"),
    "why.frame": (
        "Received over {link} from {source}: {excerpt}",
        "Ontvangen via {link} van {source}: {excerpt}",
    ),
    "why.decoded": ("Decoded by driver {driver}: {outcome}", "Gelezen door driver {driver}: {outcome}"),
    "why.wish": (
        "{who} asked for {wish}{reason}",
        "{who} vroeg om {wish}{reason}",
    ),
    "why.stage.accepted": ("The wish was accepted", "De opdracht is aangenomen"),
    "why.stage.sent": ("It was sent to the device", "De opdracht is naar het apparaat gestuurd"),
    "why.stage.done": ("The device reported the wished value", "Het apparaat meldde de gewenste waarde"),
    "why.stage.effective": ("Another point proves the effect", "Een ander punt bewijst het effect"),
    "why.stage.ineffective": (
        "Another point shows no effect: {detail}",
        "Een ander punt laat geen effect zien: {detail}",
    ),
    "why.stage.expired": ("It was not done in time: {detail}", "Het gebeurde niet op tijd: {detail}"),
    "why.stage.refused": ("It was refused: {detail}", "Het werd geweigerd: {detail}"),
    "why.stage.failed": ("It failed: {detail}", "Het mislukte: {detail}"),
    "why.itself": (
        "The device changed it itself (or somebody did, at the device): no command of ours asked for {value}",
        "Het apparaat veranderde dit zelf (of iemand ter plaatse): geen opdracht van ons vroeg om {value}",
    ),
    "why.rule": ("Rule {rule}, version {version}", "Regel {rule}, versie {version}"),
    "why.rule-gone": (
        "Rule {rule}, version {version} (changed or removed since)",
        "Regel {rule}, versie {version} (sindsdien gewijzigd of verwijderd)",
    ),
    "why.run": ("Run {run} of a script", "Uitvoering {run} van een script"),
    "why.alert": ("Open alert: {message}", "Open melding: {message}"),
    "why.desired": (
        "Still wished: {wish}, not reported yet",
        "Nog steeds gewenst: {wish}, nog niet gemeld",
    ),
}
"""Every id an alert or an explanation may use."""

WORDS: dict[str, dict[str, str]] = {
    "nl": {
        "on": "aan",
        "off": "uit",
        "good": "goed",
        "uncertain": "onzeker",
        "bad": "slecht",
        "stale": "verouderd",
        "online": "online",
        "unknown": "onbekend",
    }
}


def sentence(what: str, language: str, params: Mapping[str, Any]) -> str:
    """The sentence of id `what`. A parameter that is missing shows as `?`: never fail on the way to a person."""
    english, dutch = SENTENCES.get(what, (what, what))
    if what == "offline" and params.get("affected"):
        return sentence("offline-many", language, params)
    shown = {name: _shown(name, value, params, language) for name, value in params.items()}
    return (dutch if language == "nl" else english).format_map(_Forgiving(shown))


def amount(value: Any, unit: str, language: str) -> str:
    """A value as people read it: `21,5 °C`, `aan`."""
    if isinstance(value, bool):
        return word("on" if value else "off", language)
    if isinstance(value, int | float):
        text = f"{value:.6g}" if abs(value) < 1e6 else f"{value:.0f}"
        return f"{text.replace('.', ',') if language == 'nl' else text} {unit}".rstrip()
    return str(value)


def span(seconds: float, language: str) -> str:
    """A duration in its largest fitting unit."""
    units = ((86_400, "d", "dagen"), (3_600, "h", "uur"), (60, "min", "min"), (1, "s", "s"))
    for size, english, dutch in units:
        if seconds >= size:
            return f"{amount(round(seconds / size, 1), '', language)} {dutch if language == 'nl' else english}"
    return "0 s"


def word(text: str, language: str) -> str:
    return WORDS.get(language, {}).get(text, text)


def _shown(name: str, value: Any, params: Mapping[str, Any], language: str) -> str:
    if name in ("value", "limit", "wish"):
        return amount(value, str(params.get("unit", "")), language)
    if name == "span" and isinstance(value, int | float):
        return span(value, language)
    if name in ("quality", "availability"):
        return word(str(value), language)
    return str(value)


class _Forgiving(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"
