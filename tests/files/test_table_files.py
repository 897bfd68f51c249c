"""Tables as people have them: separators, encodings, and what columns are."""

import numpy as np
import pytest
from helpers import refuses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skaug.files import read_file

pytest.importorskip("pandas")
VALUES = np.random.RandomState(0).permutation(24) / 4 + 0.25 * (np.arange(24) % 5 == 0)
LABELS = np.array(["sit", "walk"] * 12)


@pytest.fixture
def read(tmp_path):
    """Reads a text as a file, with labels in the column y."""

    def read(text, encoding="utf-8", name="t.csv", **options):
        (tmp_path / name).write_bytes(text.encode(encoding))
        return read_file(tmp_path / name, "y", **options)

    return read


def table(sep=",", end="\n", **columns):
    """Text of a table with the labels as its last column y."""
    columns |= {"y": LABELS}
    rows = [columns, *zip(*columns.values(), strict=True)]
    return "".join(sep.join(map(str, row)) + end for row in rows)


def tells(reading, part):
    return any(part in note for note in reading.notes)


def left_out(reading):
    return {c.name: c.note for c in reading.columns if c.kind == "left out"}


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
ENCODINGS += ["latin-1"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False), min_size=12, max_size=12
    ),
    st.sampled_from([",", ";", "\t", "|", " "]),
    st.sampled_from(".,"),
    st.sampled_from(ENCODINGS),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_any_table_of_floats_comes_back(
    read, floats, sep, decimal, encoding, end, missing
):
    # The second column tells the decimal sign, and the third is all sorts of numbers.
    sure = [0.5 + i % 7 for i in range(24)]
    X = np.array([sure, np.resize(floats, 24)])
    if missing:
        X[1, 3] = np.nan
    X[1, :2] = 0.25, -1e300  # not constant
    quote = '"' if sep == decimal else ""
    cells = [
        [
            "" if x != x else quote + repr(float(x)).replace(".", decimal) + quote
            for x in row
        ]
        for row in X
    ]
    if missing and sep == " ":
        cells[1][3] = "NA"
    labels = np.resize(["sité", "walk"], 24)
    lines = [("a", "b", "y"), *zip(*cells, labels, strict=True)]
    text = "".join(sep.join(line) + end for line in lines)
    reading = read(text, encoding)
    np.testing.assert_array_equal(reading.X.to_numpy(), X.T)
    np.testing.assert_array_equal(reading.y, labels)


def test_a_semicolon_file_with_dots_between_thousands(read):
    million = [f"{1 + i % 7}.{100 + i}.{(i * 37) % 900 + 100},5" for i in range(24)]
    thousand = [f"{1 + (i * 5) % 11}.{(i * 53) % 900 + 100}" for i in range(24)]
    reading = read(table(";", a=million, b=thousand))
    expected = [
        [float(text.replace(".", "").replace(",", ".")) for text in texts]
        for texts in (million, thousand)
    ]
    np.testing.assert_array_equal(reading.X.to_numpy().T, expected)
    assert tells(reading, "thousands: '1.100.100,5' is 1100100.5")


def test_mixed_line_endings(read):
    lines = table(a=VALUES).splitlines()
    text = "".join(line + ["\n", "\r\n"][i % 3 == 0] for i, line in enumerate(lines))
    np.testing.assert_array_equal(read(text).X["a"], VALUES)


@pytest.mark.parametrize(
    "comment", ["# made in 2020, by us\n", "# a, b\n# in m/s, kg\n"]
)
def test_comments_above_the_names(read, comment):
    reading = read(comment + table(a=VALUES))
    np.testing.assert_array_equal(reading.X["a"], VALUES)
    assert tells(reading, "begin") and tells(reading, "with '#' and w")


def test_names_after_a_hash_and_the_line_of_excel(read):
    assert list(read("# " + table(a=VALUES)).X) == ["a"]
    reading = read("sep=|\n" + table("|", a=VALUES))
    np.testing.assert_array_equal(reading.X["a"], VALUES)
    with refuses("3 fields in each line.*; got 1 in line 27"):
        read("sep=|\n" + table("|", a=VALUES, b=VALUES) + "x,y\n")


@pytest.mark.parametrize("units", ["m/s,,", "[m/s],-,-", "speed,height,label"])
def test_a_line_of_units_under_the_names(read, units):
    text = table(a=VALUES, b=VALUES[::-1])
    names, rest = text.split("\n", 1)
    reading = read(f"{names}\n{units}\n{rest}")
    np.testing.assert_array_equal(reading.X, np.transpose([VALUES, VALUES[::-1]]))
    assert tells(reading, f"Line 2 ({units.replace(',', ', ')}) has names or units")


def test_a_first_row_of_words_is_no_second_header(read):
    words = ["x", *VALUES[1:]]
    assert len(read(table(a=words)).y) == 24  # its label comes again
    assert len(read(table(a=["p", "q"] * 12, b=VALUES)).y) == 24


def test_lines_that_are_no_rows(read):
    text = table(a=VALUES)
    twice = read(text + text)
    assert len(twice.y) == 48 and tells(twice, "come again in line 26; 1 such")
    empty = read(text.replace("\n", "\n,\n", 3) + "\n\n")
    assert len(empty.y) == 24 and tells(empty, "lines without values were left out")


def test_spaces_and_bars(read):
    aligned = "".join(
        f" {a!s:>8}   {y:6} \n"
        for a, y in zip(["a", *VALUES], ["y", *LABELS], strict=True)
    )
    reading = read(aligned, name="t.txt")
    np.testing.assert_array_equal(reading.X["a"], VALUES)
    assert tells(reading, "separated by spaces")
    quoted = table(";", a=VALUES, b=['"p; q, r"', '"s"'] * 12)
    assert set(read(quoted).X["b"]) == {"p; q, r", "s"}
    given = read(table("^", a=VALUES), sep="^")
    np.testing.assert_array_equal(given.X["a"], VALUES)
    assert len(read(table("\t", a=VALUES), sep="tab").y) == 24


def test_what_counts_rows_is_left_out(read):
    n = np.arange(24)
    mixed = np.random.RandomState(0).permutation(24)
    counters = {
        "count": n,
        "time": 0.02 * n,
        "down": 50 - 2 * n,
        "gaps": 2 * n + (n % 3 == 0),  # rows were removed
        "mixed": mixed + 1,
        "ID": mixed**2,
    }
    reading = read(table(a=VALUES, **counters))
    assert left_out(reading) == dict.fromkeys(counters, "it counts the rows")
    assert list(reading.X) == ["a"]
    kept = read(table(a=VALUES, squares=mixed**2, ages=20 + mixed // 2, sorted=n**2))
    assert list(kept.X) == ["a", "squares", "ages", "sorted"]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["7"], "it is constant"),
        (["same", ""], "it is constant"),
        (["", "NA"], "it has no values"),
        ([f"row {i}" for i in range(24)], "it has another text in each row"),
        ([f"2020-01-{1 + i}" for i in range(24)], "it has dates or times"),
        ([f"{1 + i}.3.2020" for i in range(24)], "it has dates or times"),
        ([f"3/{1 + i}/20 {i}:30" for i in range(24)], "it has dates or times"),
        (
            ["2020-01-01T12:30:00.5Z", "2021-01-01T12:30:00+01:00"],
            "it has dates or times",
        ),
        (["1 Mar 2020", "March 2, 2020", "?"], "it has dates or times"),
        (["12:30:01", "1:30 pm"], "it has dates or times"),
    ],
)
def test_columns_without_use(read, cells, reason):
    cells = [f'"{cell}"' for cell in np.resize(cells, 24)]
    reading = read(table(a=VALUES, b=cells))
    assert left_out(reading) == {"b": reason}
    assert tells(reading, f"Column 'b' was left out: {reason}.")


def test_four_fifths_of_numbers_are_numbers(read):
    few = ["high" if i % 6 == 0 else x for i, x in enumerate(VALUES)]
    reading = read(table(a=few))
    assert np.isnan(reading.X["a"][::6]).all()
    assert tells(reading, "'high' (4) among its numbers, taken as missing")
    many = ["high" if i % 3 == 0 else x for i, x in enumerate(VALUES)]
    reading = read(table(a=many, b=VALUES))
    assert reading.columns[0].kind == "categories" and reading.X["a"][0] == "high"
    assert tells(reading, "more than a fifth are no numbers, so all are categories")


def test_answers_and_categories_with_gaps(read):
    reading = read(table(a=["yes", "No", "?", ""] * 6, b=["p", "q", "", "p"] * 6))
    np.testing.assert_array_equal(reading.X["a"][:4], [1, 0, np.nan, np.nan])
    assert set(reading.X["b"]) == {"p", "q", "(empty)"}
    assert tells(reading, "'b' has 6 empty fields, which are a category, '(empty)'")


def test_values_that_the_user_names_as_missing(read):
    reading = read(table(a=[-999, *VALUES[1:]], b=["-999.0", *VALUES[1:]]), na=["-999"])
    assert np.isnan(reading.X.iloc[0]).all() and not np.isnan(reading.X[1:]).any(
        axis=None
    )
    with refuses("'y' in every row; got 12 empty, such as in row 1"):
        read(table(a=VALUES), na="sit")
    infinite = ["inf", *VALUES[1:]]
    assert np.isnan(read(table(a=infinite), na="inf").X["a"][0])
    with refuses(r"got inf in column 'a', row 1 \(line 2\)\. Correct it"):
        read(table(a=infinite))
    with refuses(r"got inf in column 'a', row 2 \(line 3\), and in 1 more\. "):
        read(table(a=[1, "1e999", "-inf", *VALUES[3:]]))


def test_a_column_that_gives_the_class_away(read):
    noisy = VALUES + 0.0
    codes = np.unique(LABELS, return_inverse=True)[1]
    reading = read(table(a=noisy, code=codes + 3, text=[f"is {y}" for y in LABELS]))
    for name in ("code", "text"):
        assert tells(reading, f"'{name}' alone tells the class")
        assert name in reading.X
    assert not tells(reading, "'a' alone")


def test_names_that_are_missing_or_come_twice(read):
    reading = read(table(**{"a": VALUES, "": VALUES[::-1], " a ": 2 * VALUES}))
    assert list(reading.X) == ["a", "column 2", "a (2)"]
    assert tells(reading, "no name in the file") and tells(reading, "such as 'a (2)'")


def test_labels_that_look_odd_are_told(read):
    reading = read(table(a=VALUES).replace("sit", "Walk", 3).replace("sit", "NA", 3))
    assert tells(reading, "'Walk' and 'walk' of 'y' differ in capitals only")
    assert tells(reading, "'NA' is taken for a name in 'y', where 3 rows have it")
    assert tells(reading, "fewer than 6 rows, NA (3), Walk (3)")


def test_a_column_of_persons_is_pointed_at(read):
    text = table(a=VALUES, subject=np.arange(24) // 4)
    assert tells(read(text), "--groups subject")
    reading = read(text, groups="subject")
    assert not tells(reading, "--groups") and len(np.unique(reading.groups)) == 6


def test_many_columns_are_summed_up(read):
    columns = {f"c{i}": np.random.RandomState(i).rand(24) for i in range(40)}
    reading = read(table(**columns, same=np.ones(24)))
    assert "41 columns: numbers 40, left out 1." in reading.lines()
    assert "Column 'same' was left out: it is constant." in reading.lines()
    short = read(table(a=VALUES, city=["x", "y"] * 12), drop="city")
    assert short.lines()[2] == "  a  numbers"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "a line of names and rows; got t.csv, which is empty"),
        ("a,y\n", {}, "rows under the line of names; got t.csv without any"),
        ("a,y\n1,s\n2,s\n", {}, "two classes or more in 'y'; got s alone"),
        ("a,y\n1,s\n2\n", {}, "2 fields in each line.*; got 1 in line 3"),
        ("a,y\n1,s\n\n2,s,,\n", {}, "2 fields in each line.*; got 4 in line 4"),
        ('a,y\n1,s\n2,"s" x\n', {}, "quotes that close; .* in line 3"),
        (
            "a b y\n" + "1 2 3 s\n" * 3,
            {},
            "3 .*; got 4 in line 2, and in 2 more",
        ),
        ('# x\na,y\n1,"s\n2,s\n', {}, "quotes that close; .* in line 3"),
        (
            "a,b\n1,s\n",
            {},
            r"target to be a column; got 'y'\. Columns are: a, b\. .*--t",
        ),
        ("1,2\n3,4\n", {}, r"Columns are: 1, 2 \(numbers; perhaps a line of names"),
        ("a\0,y\n1,s\n", {}, "a file of text; got a zero byte"),
        ("y\n" + 3 * "s\nt\n", {}, "columns besides target and groups; got y"),
        (table(a=np.ones(24)), {}, "columns besides .*; got a: it is constant"),
        (table(a=VALUES), {"sep": "::"}, "sep to be a single character"),
        (table(a=VALUES), {"decimal": ";"}, "decimal to be '.', ',' or None; got ';'"),
        (table(a=VALUES), {"sep": np.ones(2)}, "sep to be a single character"),
        (table(a=VALUES), {"groups": {}}, "groups to be the name of a column; got {}"),
        (table(a=VALUES), {"na": np.True_}, "na to be a list of texts; got .*True"),
        (table(a=VALUES), {"drop": [[]]}, r"drop to be a list of texts; got \[\[\]\]"),
        (table(a=VALUES), {"drop": ["z"]}, "drop to be a column; got 'z'"),
        (table(a=VALUES), {"groups": "y"}, "groups and drop to be different columns"),
        (table(a=VALUES), {"channels_last": True}, "an .npz file for channels_last"),
    ],
)
def test_what_is_refused(read, text, options, message):
    with refuses(f"read_file needs .*{message}"):
        read(text, **options)


def test_target_has_to_be_named(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text(table("\t", a=VALUES))
    with refuses(r"target to be a column; got None\. Columns are: a, y\. .*--target"):
        read_file(path)


def test_parquet(tmp_path):
    pd = pytest.importorskip("pandas")
    path = tmp_path / "t.parquet"
    days = pd.date_range("2020-01-01", periods=24)
    places = pd.Categorical(["in", None, "out"] * 8)
    frame = pd.DataFrame({"a": VALUES, "up": VALUES > 3, "day": days, "place": places})
    frame["text"] = [f"{x} cm" for x in VALUES]
    frame["y"] = np.where(LABELS == "sit", 1, 2)
    frame.loc[3, "a"] = np.nan
    try:
        frame.to_parquet(path)
    except ImportError:
        path.write_bytes(b"PAR1")
        with refuses("read_file needs pyarrow to read t.parquet; got none"):
            read_file(path, "y")
        return
    reading = read_file(path, "y")
    assert list(reading.X) == ["a", "up", "place", "text"] and set(reading.y) == {
        "1",
        "2",
    }
    assert left_out(reading) == {"day": "it has dates or times"}
    np.testing.assert_array_equal(reading.X["a"], frame["a"])
    np.testing.assert_array_equal(reading.X["up"], VALUES > 3)
    np.testing.assert_array_equal(reading.X["text"], VALUES)
    assert set(reading.X["place"]) == {"in", "(empty)", "out"}
    frame.loc[5, "a"] = np.inf
    frame.to_parquet(path)
    with refuses("finite numbers; got inf in column 'a', row 6. Correct"):
        read_file(path, "y")
