"""Errors and warnings say who needs what, what was seen and what to do.

To read them all, one after another: python tests/contracts/test_error_messages.py
What a message is made of at run time is shown in {braces}, as in the source.
"""

import ast
import re
from pathlib import Path

SKAUG = Path(__file__).parents[2] / "skaug"

NEEDS = re.compile(r"(The potential|\w+|{}) needs .+; got .+[.:] (.*\.|{})")
WARNS = re.compile(r".+\. .+\.")

# What is of another form, and why.
EXCEPTIONS = {
    # A damaged file is told by its place first, as compilers do.
    r"{}, line ({}|1): .+ needed.*; got .+\. (.*\.|{})",
    # What was wrong, and what to do, is in the transform's own message.
    r".+ needs .+; got {} from {}: {}",
    # What goes around the texts of warnings.
    r"HardRegionSampler: {}",
    r"IHDAFinetuner, level {}: {}",
    # Nothing was wrong.
    r"{} needs to come to the end of fit; got {}\.",
}


def messages(folder=SKAUG):
    """File, line, kind and text of all messages that are written out as such.

    The kind is the exception's name, or "Warning".
    """
    found = []
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            kind, argument = _kind_and_argument(node)
            text = _text(argument)
            if text is not None:
                found.append((str(path.relative_to(folder)), node.lineno, kind, text))
    return sorted(found)


def _kind_and_argument(node):
    """What a node raises or warns of, and with which expression."""
    call = node.exc if isinstance(node, ast.Raise) else node
    if not isinstance(call, ast.Call) or not call.args:
        return None, None
    name = ast.unparse(call.func).rpartition(".")[2]
    if isinstance(node, ast.Raise):
        return name, call.args[0]
    # Methods that warn may take what it is about before the text.
    last = {"warn": call.args[0], "_warn": call.args[-1]}.get(name)
    return ("Warning", last) if last is not None else (None, None)


def _text(node):
    """A string, an f-string or a sum of them as text; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            "{" + ast.unparse(part.value) + "}"
            if isinstance(part, ast.FormattedValue)
            else part.value
            for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = _text(node.left), _text(node.right)
        if sides != (None, None):
            return "".join(
                "{" + ast.unparse(part) + "}" if text is None else text
                for part, text in zip((node.left, node.right), sides)
            )
    return None


MESSAGES = messages()


def with_blanks(text):
    """The text with {} for each placeholder, whatever is in it."""
    blank = re.compile(r"{[^{}]+}")
    while blank.search(text):
        text = blank.sub("\0", text)
    return text.replace("\0", "{}")


def test_messages_are_found():
    assert len(MESSAGES) > 150
    kinds = {kind for _, _, kind, _ in MESSAGES}
    assert {"ValueError", "TypeError", "Warning"} <= kinds


def test_form():
    others = []
    for message in MESSAGES:
        *_, kind, text = message
        form = WARNS if kind == "Warning" else NEEDS
        text = with_blanks(text)
        if not any(re.fullmatch(one, text) for one in [form, *EXCEPTIONS]):
            others.append(message)
    assert not others


def test_every_exception_is_of_use():
    texts = [with_blanks(text) for *_, text in MESSAGES]
    for exception in EXCEPTIONS:
        assert any(re.fullmatch(exception, text) for text in texts), exception


if __name__ == "__main__":
    print(*("{}, line {}, {}: {}".format(*message) for message in MESSAGES), sep="\n")
