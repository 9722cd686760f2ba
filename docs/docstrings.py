"""Docstrings as they are written here, as reStructuredText: headings with a line below, and `name : what it is`."""

import inspect
import re
from itertools import takewhile

_UNDERLINE = re.compile(r"-{3,}$")
_NAMED = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : (.*))?$")
_FULL = 90  # characters: a type that is as long goes on in the next line


def prepare(app, what, name, obj, options, lines) -> None:
    """Also says what a function returns, where its signature does and its docstring does not."""
    given = inspect.signature(obj).return_annotation if what in ("function", "method") else None
    if isinstance(given, str) and given.isidentifier() and not {"Returns", "Yields", given} & set(lines):
        at = next((i for i, line in enumerate(lines) if line == "Raises"), len(lines))
        lines[at:at] = ["", "Returns", "-------", f"`{given}`", ""]
    lines[:] = restructured(lines)


def sign(app, what, name, obj, options, signature, returns):
    """A widget's own signature: Sphinx takes the `__new__` of traitlets, `(*args, **kwargs)`, for it."""
    if what != "class" or signature != "(*args, **kwargs)":
        return signature, returns
    bare = [one.replace(annotation=one.empty) for one in inspect.signature(obj).parameters.values()]
    return str(inspect.Signature(bare)), None


def restructured(lines: list[str]) -> list[str]:
    """Headings become rubrics, and what is named becomes a term of a definition list.

    >>> restructured(["Parameters", "---", "x, y : float", "    In Hz.", "", "h : the state,", "    at each step."])[2:]
    ['``x``, ``y`` : float', '    In Hz.', '', '``h``', '    the state,', '    at each step.']
    """
    made: list[str] = []
    rest, headed = list(lines), False
    while rest:
        line = rest.pop(0)
        if rest and _UNDERLINE.match(rest[0]):
            headed = True
            rest.pop(0)
            made += [f".. rubric:: {line}", ""]
            continue
        headed = headed and line != ""
        below = list(takewhile(lambda one: one.startswith(" "), rest))
        named = _NAMED.match(line)
        if not named or (named[2] is None and not (headed and below)):
            made.append(line)
            continue
        term = ", ".join(f"``{one}``" for one in named[1].split(", "))
        if named[2] is None:
            made.append(term)
        elif headed:
            kind = named[2]
            while len(kind) > _FULL and rest and rest[0].startswith(" ") and not rest[0].lstrip()[:1].isupper():
                kind += " " + rest.pop(0).strip()
            made.append(f"{term} : {kind}")
            if not (rest and rest[0].startswith(" ")):
                made.append(r"    \ ")
        else:
            made += [term, f"    {named[2]}"]
    return made
