"""Print every error and warning of skaug, file by file, to be read one after another.

    python tests/contracts/error_messages.py [part of a file's name]

What a message is made of at run time is shown in {braces}, as in the source.
"""

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

SKAUG = Path(__file__).parents[2] / "skaug"


@dataclass(frozen=True)
class Message:
    """One message as the source has it."""

    file: str
    line: int
    kind: str  # the exception's name, or "Warning"
    text: str


def messages(folder=SKAUG):
    """All messages that are written out where they are raised, by file and line."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            kind, argument = _kind_and_argument(node)
            text = _text(argument)
            if text is not None:
                found.append(
                    Message(str(path.relative_to(folder)), node.lineno, kind, text)
                )
    return sorted(found, key=lambda message: (message.file, message.line))


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


if __name__ == "__main__":
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    file = None
    for message in messages():
        if part not in message.file:
            continue
        if message.file != file:
            file = message.file
            print(f"\n{file}")
        print(f"  {message.line:4} {message.kind}: {message.text}")
