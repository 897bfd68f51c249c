"""Results of tasks come from every backend of joblib."""

from joblib import delayed, parallel_config

from skaug._parallel import results_of


def test_results_come_from_backends_that_cannot_yield_them():
    tasks = [delayed(pow)(n, 2) for n in range(4)]
    with parallel_config(backend="multiprocessing"):  # as with ray's
        for kind in ("generator", "generator_unordered"):
            assert list(results_of(tasks, 2, kind)) == [0, 1, 4, 9]


def test_a_result_comes_before_the_next_task_begins():
    begun = []
    tasks = (delayed(begun.append)(n) for n in range(3))
    next(results_of(tasks, 1))
    assert begun == [0]
