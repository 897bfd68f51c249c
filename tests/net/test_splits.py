"""Rows held out, whole groups at a time."""

from skaug.net.splits import all_splits


def test_all_splits():
    y = [0, 1] * 30
    (split,) = all_splits("holdout", y, random_state=0)
    assert [len(part) for part in split] == [36, 24]
    assert len(all_splits(5, y)) == 5
    groups = [number // 6 for number in range(60)]
    for train, held_out in all_splits(5, y, groups):
        assert not {groups[i] for i in train} & {groups[i] for i in held_out}
