import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skaug import report
from skaug.card.page import cells

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'><iframe src='//example.org'>",
    "</td></tr></table><b>",
    "</svg><p>",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script>",
    "&lt;script&gt;",
    "</style><style>p { color: red",
    "{{ 7 * 7 }}",
    "{% raw %}",
    ' id="f0-0" href="#f0-0"',
    "url(#nowhere)",
    "better",  # stands out as a reading only
]


@pytest.mark.filterwarnings("ignore:constrained_layout not applied:UserWarning")
@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_is_escaped(text, data, check_page):
    (X, y, _), (X_test, y_test, person) = data
    y, y_test, groups = (np.char.add(text, names) for names in (y, y_test, person))
    model = LogisticRegression().fit(X, y).set_params(penalty=text)
    html = report(model, X_test, y_test, groups, title=text, date=text).html
    shown = check_page(html).texts
    assert shown.count(text) == 2  # as title and as heading
    assert repr(text) in shown  # as parameter
    assert 'class="better"' not in html
    assert {*y_test, *groups} <= set(shown)


def test_saving_and_showing(train, card, tmp_path, check_page):
    made = card(LogisticRegression().fit(*train), title="<Model>", date="2026-01-02")
    made.save(tmp_path / "card.html")
    page = (tmp_path / "card.html").read_text(encoding="utf-8")
    check_page(page)
    assert "<h1>&lt;Model&gt;</h1>" in page and "2026-01-02" in page
    frame = made._repr_html_()
    assert frame.startswith("<iframe sandbox ") and "<html" not in frame
    assert repr(made).startswith("ModelCard('<Model>'")


def test_cells_of_numbers_and_words():
    record = {"class": 1000, "new_rows": 1000, "ok": True, "x": float("nan")}
    head, line = cells([record | {"word": "<i>"}])
    assert [name for name, _ in head] == ["class", "new rows", "ok", "x", "word"]
    assert [text for text, _ in line] == ["1000", "1,000", "yes", "n/a", "<i>"]
    for row in (head, line):
        assert [right for _, right in row] == [False, True, True, True, False]


def test_many_groups_are_cut(train, card, no_figures):
    made = card(LogisticRegression().fit(*train), np.arange(120))
    assert len(made.group_scores) == 120 and "40 of 120" in made.html
