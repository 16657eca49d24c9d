r"""Units after a number: dropped where they say nothing, kept as ``\unit{...}`` where two answers could disagree."""

from __future__ import annotations

import re

_NAMES = {
    "mm": "millimeter millimeters millimetre millimetres",
    "cm": "centimeter centimeters centimetre centimetres",
    "m": "meter meters metre metres",
    "km": "kilometer kilometers kilometre kilometres",
    "in": "inch inches",
    "ft": "foot feet",
    "yd": "yard yards yds",
    "mi": "mile miles",
    "g": "gram grams gm",
    "mg": "milligram milligrams",
    "kg": "kilogram kilograms kgs",
    "lb": "pound pounds lbs",
    "oz": "ounce ounces",
    "l": "liter liters litre litres L",
    "ml": "milliliter milliliters mL",
    "gal": "gallon gallons",
    "s": "second seconds sec secs",
    "min": "minute minutes mins",
    "h": "hour hours hr hrs",
    "day": "days",
    "week": "weeks",
    "month": "months",
    "yr": "year years yrs",
    "dollar": "dollars USD usd bucks",
    "cent": "cents",
    "euro": "euros",
    "mi/h": "mph milesperhour",
    "km/h": "kph kmh kmph kilometersperhour kmperhour",
    "m/s": "mps meterspersecond",
    "ft/s": "fps feetpersecond",
    "J": "joule joules",
    "N": "newton newtons",
    "W": "watt watts",
    "V": "volt volts",
    "Hz": "hertz",
    "K": "kelvin",
    "acre": "acres",
}
_CANONICAL = {word: unit for unit, words in _NAMES.items() for word in (unit, *words.split())}
_POWERS = {"square": 2, "squared": 2, "sq": 2, "cubic": 3, "cubed": 3, "cu": 3}
# Words that make of a trailing text a condition or a second answer; such a text is part of the answer.
_NOT_A_UNIT = frozenset(
    """or and if not no more less fewer than least most between either neither both when where for all any real except
    is are to only with without none plus minus about approximately am pm dozen dozens score gross factorial half
    halves third thirds quarter quarters tenth tenths times twice double triple root negative inverse mod modulo
    base""".split()
)
_WORD = re.compile(r"[A-Za-z]+")
_TRAILING_TEXT = re.compile(r"\\text\{([^{}]*)\}(?:\^\{(-?[0-9])\})?$")
# Units of two letters or more that need no \text; single letters are variables there, and so are "in" and "am".
_BARE_UNITS = sorted(
    ({word for word in _CANONICAL if len(word) > 1 and word.isalpha()} | {"units", "unit", "square", "cubic", "sq"})
    - {"in", "K", "mi", "mg", "gm", "yd", "day", "usd"},
    key=len,
    reverse=True,
)
_BARE = re.compile(rf"(?<=[0-9)}}])\s*((?:(?:{'|'.join(_BARE_UNITS)}|per)\b\.?\s*)+)(?:\^\{{([0-9])\}})?$")


def move_unit(text: str) -> str:
    r"""Return an answer with its trailing unit as ``\unit{cm^2}``, or without it where it is none of the known ones.

    A count of things ("9 values") loses its noun; a text that says more ("3 or more"), or that is the whole answer,
    stays.
    """
    unit = ""
    for _ in range(3):
        found = _TRAILING_TEXT.search(text) if text.endswith(("}", " ")) else None
        found = found or (_BARE.search(text) if text[-1:].isalpha() or text.endswith("}") else None)
        if found is None or not _has_value(text[: found.start()]):
            break
        words = _WORD.findall(found.group(1))
        if not _is_unit(found.group(1), [word.lower() for word in words]):
            break
        unit = unit or _unit(words, found.group(2))
        text = text[: found.start()].rstrip()
    return f"{text}\\unit{{{unit}}}" if unit else text


def split_unit(text: str) -> tuple[str, str]:
    r"""Split a normalised answer into its value and its unit, the latter empty where there is none."""
    value, marker, unit = text.partition("\\unit{")
    return (value, unit[:-1]) if marker and unit.endswith("}") else (text, "")


def _has_value(text: str) -> bool:
    return any(character.isdigit() for character in text) or "\\" in text


def _is_unit(text: str, words: list[str]) -> bool:
    """Whether a trailing text names what is measured or counted; "5 squared" and "5 or more" do not."""
    if any(character.isdigit() for character in text):
        return False
    return _NOT_A_UNIT.isdisjoint(words) and any(word not in _POWERS for word in words)


def _unit(words: list[str], power: str | None) -> str:
    """Return the canonical name of a unit given in words, empty where it is not a known one."""
    exponents = [_POWERS[word.lower()] for word in words if word.lower() in _POWERS]
    names = [word for word in words if word.lower() not in _POWERS]
    joined = "".join(names)
    unit = _CANONICAL.get(joined) or _CANONICAL.get(joined.lower(), "")
    exponent = int(power) if power else exponents[0] if exponents else 1
    return f"{unit}^{exponent}" if unit and exponent != 1 else unit
