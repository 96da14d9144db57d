"""Filters on metadata: a small grammar, compiled to SQL whose every name and value is a parameter.

    filter     = and ("OR" and)*
    and        = not ("AND" not)*
    not        = "NOT" not | "(" filter ")" | test
    test       = field ("=" | "!=" | "<>" | "<" | "<=" | ">" | ">=") value
               | field ["NOT"] "IN" "(" value ("," value)* ")"
               | field "IS" ["NOT"] "NULL"
    field      = name ("." name)*             of the metadata; id and title are the document's own
    name       = letters, digits, _ and - | "anything in double quotes"
    value      = number | 'text, '' for a quote' | TRUE | FALSE

Keywords are of any case. A field that a document lacks, or that is null, passes no test but IS NULL, nor the test's
opposite, as in SQL. A number is compared with numbers, a text with texts; what is of another kind is unequal, and
neither less nor more.
"""

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from mrl_search.document import has_surrogate
from mrl_search.errors import FilterError

_MOST_TESTS, _MOST_VALUES = 200, 10_000  # SQLite's own limits: 1,000 deep, 32,766 parameters
_LONGEST = 500_000  # characters; each takes some hundred bytes while it is read
_DEEPEST = 12  # the stack of SQLite's parser overflows at 13 pairs of parentheses with AND and OR in each
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])
  | (?P<text>'(?:[^']|'')*')
  | (?P<quoted>"[^"\\\0]+")
  | (?P<word>[^\W\d][\w-]*)
  | (?P<sign><=|>=|<>|!=|[=<>(),.])
    )""",
    re.VERBOSE,
)
_COMPARED = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_KEYWORDS = {"AND", "OR", "NOT", "IN", "IS", "NULL", "TRUE", "FALSE"}
_KINDS = {True: "'text'", False: "'integer', 'real'"}
Value: TypeAlias = str | int | float


class Condition(NamedTuple):
    """A boolean SQL expression over a row of `documents`, and its parameters in order.

    fields: of a whole filter, those of the metadata that it asks about, as SQLite's JSON paths.
    """

    sql: str
    parameters: tuple[Value, ...]
    fields: tuple[str, ...] = ()


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


def compiled(text: str) -> Condition:
    """The condition of a filter. Raises FilterError, with the place, for what the grammar does not have."""
    if not isinstance(text, str):
        raise FilterError(f'a filter is a text as "year >= 2020", found {text!r}')
    if len(text) > _LONGEST:
        raise FilterError(f"the filter has {len(text):,} characters; at most {_LONGEST:,} are read")
    if has_surrogate(text):
        raise FilterError("the filter is not UTF-8")
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._tokens, self._at = text, _tokens(text), 0
        self._tests = self._values = self._depth = 0
        self._fields: dict[str, None] = {}

    def whole(self) -> Condition:
        found = self._chain("OR", lambda: self._chain("AND", self._not))
        if self._next.kind != "end":
            self._refuse("AND, OR or the end")
        return found._replace(fields=tuple(self._fields))

    def _chain(self, word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self._takes(word):
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        return Condition(
            f"({f' {word} '.join(one.sql for one in parts)})", tuple(value for one in parts for value in one.parameters)
        )

    def _not(self) -> Condition:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise FilterError(f"the filter is nested more than {_DEEPEST} deep")
        try:
            if self._takes("NOT"):
                inner = self._not()
                return Condition(f"(NOT {inner.sql})", inner.parameters)
            if self._takes("("):
                inner = self._chain("OR", lambda: self._chain("AND", self._not))
                self._demand(")")
                return inner
            return self._test()
        finally:
            self._depth -= 1

    def _test(self) -> Condition:
        self._tests += 1
        if self._tests > _MOST_TESTS:
            raise FilterError(f"the filter has more than {_MOST_TESTS} tests; many values of one field go into IN (…)")
        field = self._field()
        if self._takes("IS"):
            negated = self._takes("NOT")
            self._demand("NULL")
            return Condition(f"({field.sql} IS {'NOT ' * negated}NULL)", field.parameters)
        if self._next.text in _COMPARED and self._next.kind == "sign":
            sign = _COMPARED[self._take().text]
            return self._compared(field, sign, [self._value()])
        negated = self._takes("NOT")
        if not self._takes("IN"):
            self._refuse("a comparison, IN or IS")
        self._demand("(")
        values = [self._value()]
        while self._takes(","):
            values.append(self._value())
        self._demand(")")
        found = self._compared(field, "IN", values)
        return Condition(f"(NOT {found.sql})", found.parameters) if negated else found

    def _compared(self, field: Condition, sign: str, values: list[Value]) -> Condition:
        """As `_compared`; of the document's own id or title, which are texts always, no number is asked in vain."""
        number = next((value for value in values if not isinstance(value, str)), None)
        if not field.parameters and number is not None:
            raise FilterError(
                f"the filter {self._text[:200]!r}: every {field.sql} is a text, found the number {number}; "
                f"put it in quotes: '{number}'"
            )
        return _compared(field, sign, values)

    def _field(self) -> Condition:
        names = [self._name()]
        while self._takes("."):
            names.append(self._name())
        if names in (["id"], ["title"]):
            return Condition(names[0], ())
        path = "$" + "".join(f'."{name}"' for name in names)
        self._fields[path] = None
        return Condition("json_extract(nullif(metadata, ''), ?)", (path,))

    def _name(self) -> str:
        if self._next.kind == "quoted":
            return self._take().text[1:-1]
        if self._next.kind != "word" or self._next.text.upper() in _KEYWORDS:
            self._refuse("the name of a field")
        return self._take().text

    def _value(self) -> Value:
        self._values += 1
        if self._values > _MOST_VALUES:
            raise FilterError(f"the filter has more than {_MOST_VALUES:,} values")
        token = self._next
        if token.kind == "text":
            return self._take().text[1:-1].replace("''", "'")
        if token.kind == "number":
            number = self._take().text
            return float(number) if not re.fullmatch(r"[+-]?\d{1,18}", number) else int(number)
        if token.kind == "word" and token.text.upper() in ("TRUE", "FALSE"):
            return int(self._take().text.upper() == "TRUE")
        self._refuse("a number, or a text in single quotes")
        raise AssertionError  # _refuse raises

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _takes(self, what: str) -> bool:
        """Whether the next token is this word or sign, which is then passed."""
        token = self._next
        is_it = token.kind in ("word", "sign") and token.text.upper() == what
        self._at += is_it
        return is_it

    def _demand(self, what: str) -> None:
        if not self._takes(what):
            self._refuse(what)

    def _refuse(self, wanted: str) -> None:
        token = self._next
        found = repr(token.text[:50]) if token.text else "the end"
        raise FilterError(f"the filter {self._text[:200]!r}: found {found} at {token.place}, wanted {wanted}")


def _tokens(text: str) -> list[_Token]:
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        token = _TOKEN.match(text, at)
        if token is None:
            place = len(text) - len(text[at:].lstrip())
            raise FilterError(f"the filter {text[:200]!r} cannot be read at {place}: {text[place : place + 20]!r}")
        kind = str(token.lastgroup)
        found.append(_Token(kind, token[kind], token.start(kind)))
        at = token.end()
    return [*found, _Token("end", "", end)]


def _compared(field: Condition, sign: str, values: list[Value]) -> Condition:
    """One sign and values of either kind: each is compared with fields of its own kind."""
    parts, parameters = [], list[Value](field.parameters)
    for is_text, kinds in _KINDS.items():
        some = [value for value in values if isinstance(value, str) == is_text]
        if some:
            marks = f"({', '.join('?' * len(some))})" if sign == "IN" else "?"
            parts.append(f"WHEN typeof({field.sql}) IN ({kinds}) THEN {field.sql} {sign} {marks}")
            parameters += [*field.parameters, *field.parameters, *some]
    return Condition(
        f"(CASE WHEN {field.sql} IS NULL THEN NULL {' '.join(parts)} ELSE {int(sign == '!=')} END)", tuple(parameters)
    )
