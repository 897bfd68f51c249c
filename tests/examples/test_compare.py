import contextlib
import importlib.util
import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import refuses
from sklearn.datasets import load_digits, make_classification
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug import NetClassifier

pd = pytest.importorskip("pandas")

SCRIPT = Path(__file__).parents[2] / "examples" / "compare.py"
QUICK = ["--epochs", "2", "--strengths", "1", "--n-jobs", "1"]
METRICS = ["accuracy %", "log-loss"]


spec = importlib.util.spec_from_file_location("compare", SCRIPT)
compare = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compare)


def _run(folder, *arguments):
    """The figures saved and what was printed."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        compare.main([*arguments, "--output", str(folder)])
    return pd.read_csv(folder / "compare.csv"), output.getvalue()


@pytest.fixture(scope="module")
def table():
    """240 rows of 12 subjects: text labels, categories, booleans, empty cells."""
    rng = np.random.default_rng(0)
    X, y = make_classification(240, 4, n_informative=3, n_redundant=0, random_state=0)
    X[rng.random(X.shape) < 0.1] = np.nan
    table = pd.DataFrame(X, columns=list("abcd"))
    table["empty"] = np.nan
    table["colour"] = rng.choice(["red", "blue", None], 240)
    table["loud"] = rng.choice([True, False, None], 240)
    table["subject"] = rng.choice([f"s{i}" for i in range(12)], 240)
    table["label"] = np.array(["sit", "walk"])[y]
    return table


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits") / "new" / "folder"
    return folder, *_run(folder, "--seeds", "3", "--n-train", "100", *QUICK)


@pytest.fixture(scope="module")
def table_run(tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("table")
    table.to_csv(folder / "t.csv", index=False)
    data = ["--data", str(folder / "t.csv"), "--target", "label"]
    options = ["--groups", "subject", "--folds", "3", "--seeds", "2"]
    return folder, *_run(folder, *data, *options, *QUICK)


def _assert_table_is_from(figures, printed, overlap):
    decimals = {"accuracy %": 2, "log-loss": 4}
    cells = {
        line[:13].strip(): re.findall(r"(\S+) \((?:sd|se) (\S+)\)", line)
        for line in printed.splitlines()
    }
    for place, metric in enumerate(METRICS):
        tolerance = 0.51 * 10.0 ** -decimals[metric]
        plain, isda = figures[f"plain {metric}"], figures[f"ISDA {metric}"]
        shown = [[float(v) for v in cells[name][place]] for name in ("plain", "ISDA")]
        expected = [[x.mean(), x.std()] for x in (plain, isda)]
        np.testing.assert_allclose(shown, expected, atol=tolerance)
        difference, error = map(float, cells["ISDA - plain"][place])
        assert difference == pytest.approx((isda - plain).mean(), abs=tolerance)
        expected = (isda - plain).std() * np.sqrt(1 / len(figures) + overlap)
        assert error == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    "run, n, overlap, words",
    [
        ("digits_run", 3, 0, "Strength chosen: 1 in 3 of 3 splits."),
        ("table_run", 6, 1 / 2, "3 folds of groups, 2 times"),
    ],
)
def test_table_and_figure_show_what_is_saved(run, n, overlap, words, request):
    folder, figures, printed = request.getfixturevalue(run)
    assert len(figures) == n and not figures.isna().any().any()
    _assert_table_is_from(figures, printed, overlap)
    assert words in printed
    assert ("Folds share training rows" in printed) == (overlap > 0)
    assert (folder / "compare.png").read_bytes()[:4] == b"\x89PNG"
    assert str(folder / "compare.png") in printed
    assert str(folder / "compare.csv") in printed


def test_plain_is_the_twin_on_the_same_rows(digits_run):
    _, figures, _ = digits_run
    X, y = load_digits(return_X_y=True)
    for seed in range(3):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, train_size=100, stratify=y, random_state=seed
        )
        net = NetClassifier(max_epochs=2, random_state=seed)
        model = make_pipeline(StandardScaler(), net).fit(X_train, y_train)
        accuracy = 100 * model.score(X_test, y_test)
        assert figures["plain accuracy %"][seed] == pytest.approx(accuracy)
    assert (figures["plain log-loss"] != figures["ISDA log-loss"]).all()


def test_folds_keep_groups_together_and_test_every_row_once(table):
    y, groups = table["label"].to_numpy(dtype=str), table["subject"].to_numpy()
    splits = compare.folds(y, groups, n_folds=4, seeds=2)
    assert len(splits) == 8
    for train, test in splits:
        assert not set(groups[train]) & set(groups[test])
        assert set(train) | set(test) == set(range(len(y)))
    for seed in range(2):
        tested = np.concatenate([test for _, test in splits[4 * seed : 4 * seed + 4]])
        assert sorted(tested) == list(range(len(y)))
    assert not np.array_equal(splits[0][1], splits[4][1])


def test_folds_without_groups_are_stratified(table):
    y = table["label"].to_numpy(dtype=str)
    for _, test in compare.folds(y, None, n_folds=4, seeds=1):
        assert np.mean(y[test] == "sit") == pytest.approx(np.mean(y == "sit"), abs=0.02)


def test_strength_search_keeps_groups_together(table, monkeypatch):
    searches = []

    class WatchedSearch(compare.GridSearchCV):
        def fit(self, X, y, groups=None):
            for train, valid in self.cv.split(X, y, groups):
                searches.append((len(X), set(groups[train]) & set(groups[valid])))
            return super().fit(X, y, groups=groups)

    monkeypatch.setattr(compare, "GridSearchCV", WatchedSearch)
    options = compare.read_options(QUICK)
    y, groups = table["label"].to_numpy(dtype=str), table["subject"].to_numpy()
    ((train, test), *_) = compare.folds(y, groups, n_folds=5, seeds=1)
    X = table[["a", "b"]]
    prepare = compare.columns_as_numbers()
    compare.compare_once(0, train, test, X, y, groups, prepare, options)
    assert searches == [(len(train), set())] * 3


def test_columns_are_learned_from_training_rows(table):
    X = table[["a", "empty", "colour"]].fillna({"colour": "none"})
    prepare = compare.columns_as_numbers().fit(X[:100])
    new = pd.DataFrame({"a": [np.nan], "empty": [np.nan], "colour": ["green"]})
    a = X["a"][:100]
    a = a.fillna(a.median())
    expected = [(a.median() - a.mean()) / a.std(ddof=0), 0, 0, 0, 0]
    np.testing.assert_allclose(prepare.transform(new), [expected], atol=1e-12)


@pytest.mark.parametrize(
    "gain, accuracy, loss",
    [
        (1.0, "ISDA is better", "ISDA is worse"),
        (-1.0, "ISDA is worse", "ISDA is better"),
        (0.0, "no clear difference", "no clear difference"),
    ],
)
def test_verdict(gain, accuracy, loss):
    noise = [-0.1, 0.1, -0.1, 0.1]
    rows = [
        {f"{name} {metric}": shift for metric in METRICS for name, shift in pair}
        for pair in [(("plain", 5.0), ("ISDA", 5.0 + gain + e)) for e in noise]
    ]
    assert compare.verdict(rows, "accuracy %", 0) == accuracy
    assert compare.verdict(rows, "log-loss", 0) == loss


def test_verdict_is_careful_with_few_splits():
    rows = [{"plain log-loss": 1.0, "ISDA log-loss": x} for x in (0.8, 0.9, 0.99)]
    mean, error = compare.difference(rows, "log-loss", 0)
    assert abs(mean) > 1.6 * error
    assert compare.verdict(rows, "log-loss", 0) == "no clear difference"


@pytest.mark.parametrize(
    "change, options, message",
    [
        ({}, ["--target", "lable"], r"target to be a column; got 'lable'. .*label"),
        ({}, [], r"target to be a column; got None. Columns are: a, b"),
        ({}, ["--target", "label", "--groups", "x"], r"groups to be a column; got"),
        ({}, ["--target", "a"], r"'a' in every row; got \d+ empty"),
        ({"a": range(240)}, ["--target", "a"], r"classes; got 240 different values"),
        ({"a": 1}, ["--target", "a"], r"two classes or more in 'a'; got 1 alone"),
        (
            {"a": ["rare"] * 4 + ["often"] * 236},
            ["--target", "a"],
            r"5 rows of each class.*; got 4 of class 'rare'. Lower --folds",
        ),
        (
            {"a": ["s", "t", "u"] * 80},
            ["--target", "label", "--groups", "a"],
            r"5 groups of each class.*; got 3 of class 'sit'",
        ),
    ],
)
def test_unfit_table_is_refused_in_a_sentence(
    table, change, options, message, tmp_path
):
    path = tmp_path / "t.csv"
    table.assign(**change).to_csv(path, index=False)
    with refuses(r"(compare|read_file) needs .*" + message, SystemExit):
        compare.main(["--data", str(path), *options])


def test_unreadable_file_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "t.csv"
    for text, message in [
        (None, r"a file that exists; got .*t.csv"),
        ("", r"a line of names and rows; got t.csv, which is empty"),
        ("y\n" + 3 * "walk\nsit\n", "columns besides target and groups; got y"),
    ]:
        if text is not None:
            path.write_text(text)
        with refuses(message, SystemExit):
            compare.main(["--data", str(path), "--target", "y"])


@pytest.mark.parametrize(
    "options, message",
    [
        (["--target", "y"], "--data beside --target"),
        (["--seeds", "1"], "seeds of 2 or more; got 1"),
        (["--folds", "2"], "folds of 3 or more; got 2"),
        (["--epochs", "0"], "epochs of 1 or more; got 0"),
        (["--n-train", "20"], "n_train from 30 to 900; got 20"),
        (["--strengths", "0", "1"], r"strengths above 0; got \[0.0, 1.0\]"),
    ],
)
def test_unfit_option_is_refused_in_a_sentence(options, message):
    with refuses("compare needs " + message, SystemExit):
        compare.main(options)


def test_without_pandas_only_data_is_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pandas", None)
    path = tmp_path / "t.csv"
    path.write_text("a,y\n1,sit\n")
    with refuses("read_file needs pandas to read t.csv", SystemExit):
        compare.main(["--data", str(path), "--target", "y"])


def test_without_matplotlib_there_is_a_line_and_no_figure(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    compare.save_figure([], 0, "title", tmp_path / "compare.png")
    assert "for lack of matplotlib" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
