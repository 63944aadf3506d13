"""For every test and doctest: which are slow, in which order they run, and that the package is imported as a package.

With ``--import-mode=importlib`` pytest would otherwise execute a module of the package beside the package's own copy of it,
which registers its losses a second time, and results would depend on the order of the files.
"""

from __future__ import annotations

import pytest

import segloss_ref  # noqa: F401

SLOW_FILES = {
    "test_action", "test_arguments", "test_arguments_arrays", "test_blocks", "test_check", "test_check_command",
    "test_check_parts", "test_check_wrong", "test_counting", "test_counting_limits", "test_distributions", "test_extremes",
    "test_identify", "test_identify_words", "test_jax", "test_large", "test_loss_scaling", "test_memory", "test_new_loss",
    "test_outside_devices", "test_process", "test_refusals", "test_refusals_elsewhere", "test_report", "test_suite",
    "test_textbook_bounds", "test_torch", "test_values", "test_vectors",
}  # fmt: skip
"""Files whose tests take most of the time: whole checks, large arrays, compilers. ``make test-fast`` leaves them out."""
SLOW = {
    "test_results_do_not_depend_on_the_order_of_files", "test_the_configuration_holds", "test_the_first_example_fails",
    "test_torch_keeps_to_the_device_and_compiles_as_one_step",
}  # fmt: skip
"""Single tests of other files."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare ``--reversed``."""
    parser.addoption(
        "--reversed", action="store_true", help="run the tests in reverse, to show that none needs another"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker ``slow``."""
    config.addinivalue_line("markers", "slow: takes seconds; left out by make test-fast")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the slow tests, and reverse the order where that is asked for."""
    for item in items:
        if item.path.stem in SLOW_FILES or item.name.split("[")[0] in SLOW:
            item.add_marker("slow")
    if config.getoption("--reversed"):
        items.reverse()
