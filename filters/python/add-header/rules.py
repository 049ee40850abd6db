"""What the configuration asks for: read once, applied to every exchange."""

import json
import re
from dataclasses import dataclass, field

from componentize_py_types import Err
from wit_world.imports import headers, logging
from wit_world.imports.types import LogLevel, MapType

_NAME = re.compile(r"[0-9A-Za-z!#$%&'*+\-.^_`|~]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Wrong(Exception):
    """Why a configuration is refused."""


@dataclass
class Changes:
    """The headers of one direction. Values are UTF-8."""

    remove: list[str] = field(default_factory=list)
    set: list[tuple[str, bytes]] = field(default_factory=list)
    add: list[tuple[str, bytes]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.remove or self.set or self.add)

    def apply(self, which: MapType) -> None:
        for name in self.remove:
            _attempt(None, name, headers.remove, which, name)
        for name, value in self.set:
            _attempt("set", name, headers.set, which, name, value)
        for name, value in self.add:
            _attempt("add", name, headers.append, which, name, value)


def _attempt(what: str | None, name: str, call, *args) -> None:
    """A host may refuse a header; that is no reason to fail. An `err` of the host is raised here."""
    try:
        call(*args)
    except Err:
        if what is not None:
            logging.log(LogLevel.WARN, f"add-header: the host refused to {what} {name}")


@dataclass
class Rules:
    request: Changes = field(default_factory=Changes)
    response: Changes = field(default_factory=Changes)

    @staticmethod
    def parse(configuration: bytes) -> "Rules":
        if not configuration:
            raise Wrong("there is none; a JSON object is needed")
        try:
            found = json.loads(configuration.decode())
        except (ValueError, RecursionError) as error:
            raise Wrong(f"not JSON: {error}") from error
        _expect(found, "", dict, "a JSON object")
        return _short(found) if "header" in found or "value" in found else _long(found)


def _short(found: dict) -> Rules:
    """`{"header": "x-hello", "value": "weir"}`: that header, both ways."""
    _only(found, "", ("header", "value"))
    if found.get("header") is None:
        raise Wrong("header: a header name is needed")
    name = _name(_expect(found["header"], "header", str), "header")
    value = "weir" if found.get("value") is None else found["value"]
    both = Changes(set=[(name, _value(value, "value"))])
    return Rules(both, both)


def _long(found: dict) -> Rules:
    _only(found, "", ("request", "response", "header", "value"))
    rules = Rules(_changes(found, "request"), _changes(found, "response"))
    if not rules.request and not rules.response:
        raise Wrong("nothing to do: neither request nor response has a header to set, add or remove")
    return rules


def _changes(found: dict, path: str) -> Changes:
    inner = found.get(path)
    if inner is None:
        return Changes()
    _only(_expect(inner, path, dict), path, ("set", "add", "remove"))
    place = f"{path}.remove"
    names = [] if inner.get("remove") is None else _expect(inner["remove"], place, list)
    remove = [_name(_expect(name, f"{place}.{i}", str), place) for i, name in enumerate(names)]
    return Changes(remove, _headers(inner, path, "set"), _headers(inner, path, "add"))


def _headers(found: dict, path: str, key: str) -> list[tuple[str, bytes]]:
    """`{"name": "value"}`; `add` makes sense with several values of one name, so a value may be a list."""
    inner, place = found.get(key), f"{path}.{key}"
    if inner is None:
        return []
    pairs = []
    for text, value in sorted(_expect(inner, place, dict).items()):
        name = _name(text, place)
        values = value if key == "add" and isinstance(value, list) else [value]
        pairs.extend((name, _value(one, f"{place}.{text}")) for one in values)
    return pairs


def _only(found: dict, path: str, known: tuple[str, ...]) -> None:
    """Refuses keys that nothing reads: a typing mistake must not pass in silence."""
    for key in sorted(found):
        if key not in known:
            place = f"{path}.{key}" if path else key
            raise Wrong(f"{place}: unknown key; known are {', '.join(known)}")


_KINDS = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def _expect(found, place: str, kind: type, wanted: str | None = None):
    if type(found) is kind:
        return found
    where = f"{place}: " if place else ""
    raise Wrong(f"{where}{wanted or _KINDS[kind]} is needed, not {_KINDS[type(found)]}")


def _name(text: str, place: str) -> str:
    """In lower case."""
    if _NAME.fullmatch(text) is None:
        raise Wrong(f"{place}: {json.dumps(text, ensure_ascii=False)} is not a header name")
    return text.lower()


def _value(found, place: str) -> bytes:
    """As bytes; no control characters but tab, which no host has a reason to refuse."""
    text = _expect(found, place, str)
    if _CONTROL.search(text):
        raise Wrong(f"{place}: control characters in a header value")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Wrong("not JSON: half of a surrogate pair") from error
