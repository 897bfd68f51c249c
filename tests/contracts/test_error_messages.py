"""Errors and warnings say who needs what, what was seen and what to do."""

import re

from error_messages import messages

MESSAGES = messages()

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
    r"LevelGainDisplay was stopped between two levels\.",
}


def with_blanks(text):
    """The text with {} for each placeholder, whatever is in it."""
    blank = re.compile(r"{[^{}]+}")
    while blank.search(text):
        text = blank.sub("\0", text)
    return text.replace("\0", "{}")


def test_messages_are_found():
    assert len(MESSAGES) > 150
    kinds = {message.kind for message in MESSAGES}
    assert {"ValueError", "TypeError", "Warning"} <= kinds


def test_form():
    others = []
    for message in MESSAGES:
        form = WARNS if message.kind == "Warning" else NEEDS
        text = with_blanks(message.text)
        if not any(re.fullmatch(one, text) for one in [form, *EXCEPTIONS]):
            others.append(message)
    assert not others


def test_every_exception_is_of_use():
    texts = [with_blanks(message.text) for message in MESSAGES]
    for exception in EXCEPTIONS:
        assert any(re.fullmatch(exception, text) for text in texts), exception
