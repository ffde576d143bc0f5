"""A block takes the place of the one before, and only between its own marks."""

import pytest

from arch.marked_block import with_block


def test_what_stands_around_it_stays():
    page = "before\n<a>\nold\nlines\n<b>\nafter\n"
    made = with_block(page, "<a>", "<b>", "new")
    assert made == "before\n<a>\nnew\n<b>\nafter\n"
    assert with_block(made, "<a>", "<b>", "new") == made


@pytest.mark.parametrize("page", ["", "<a>\n", "<b>\n<a>\n", "<a>\n<a>\n<b>\n", "<a>\n<b>\n<b>\n"])
def test_marks_are_there_once_and_in_order(page):
    with pytest.raises(ValueError, match="the page needs one line '<a>' and after it one"):
        with_block(page, "<a>", "<b>", "new")
