"""Files that are whole or not there at all."""

import pytest

from skaug._files import atomic_writing


def write(path, *parts, error=None):
    with atomic_writing(path) as file:
        for part in parts:
            file.write(part)
        if error is not None:
            raise error


def test_a_file_is_replaced_only_by_a_whole_one(tmp_path):
    path = tmp_path / "kept"
    write(path, b"first")
    with atomic_writing(path) as file:
        file.write(b"second")
        file.flush()
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("No space left"), KeyboardInterrupt()])
def test_what_fails_leaves_the_old_file_and_nothing_else(error, tmp_path):
    path = tmp_path / "kept"
    write(path, b"first")
    for target in (path, tmp_path / "new"):
        with pytest.raises(type(error)):
            write(target, b"half", error=error)
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_that_take_no_file_say_so(tmp_path):
    (tmp_path / "folder").mkdir()
    for path, error in (
        (tmp_path / "missing" / "file", FileNotFoundError),
        (tmp_path / "folder", IsADirectoryError),
    ):
        with pytest.raises(error) as caught:
            write(path, b"")
        assert caught.value.filename == str(path)  # and no name of our own
    assert [place.name for place in tmp_path.iterdir()] == ["folder"]


def test_errors_of_other_files_stay_as_they_are(tmp_path):
    error = FileNotFoundError(2, "No such file", "other")
    with pytest.raises(FileNotFoundError) as caught:
        write(tmp_path / "kept", b"half", error=error)
    assert caught.value is error


def test_links_and_permissions_are_those_of_plain_writing(tmp_path):
    plain, path, link = tmp_path / "plain", tmp_path / "kept", tmp_path / "link"
    plain.write_bytes(b"")
    link.symlink_to(path)
    write(link, b"through the link")
    assert link.is_symlink() and path.read_bytes() == b"through the link"
    assert path.stat().st_mode == plain.stat().st_mode
