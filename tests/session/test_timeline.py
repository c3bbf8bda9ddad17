"""The timeline: nodes, runs, and the paths between them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seqshell.core.sampling import Draw
from seqshell.session.timeline import Call, Read, Timeline


def grown(*runs):
    """A timeline of runs (parent, read, ids, turn, retry) under a first root."""
    timeline = Timeline()
    timeline.add_root(-1, -1, Draw())
    for parent, read, ids, turn, retry in runs:
        timeline.begin_run(parent, turn, read, Draw(7, retry))
        timeline.extend(ids)
    return timeline


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 5)), max_size=40))
def test_an_ancestor_equals_the_one_found_by_walking_up_the_parents(shape):
    timeline = grown()
    parents = [-1]
    for share, length in shape:
        parent = int(share * (len(parents) - 1))
        timeline.begin_run(parent, 0, Read.DRAWN, Draw())
        timeline.extend([1] * length)
        for node in range(len(parents), len(parents) + length):
            parents.append(parent)
            parent = node

    for node in range(len(parents)):
        way = [node]
        while parents[way[-1]] >= 0:
            way.append(parents[way[-1]])
        assert timeline.depth(node) == len(way) - 1
        assert timeline.before(node) == parents[node]
        assert [timeline.ancestor(node, depth) for depth in range(len(way))] == way[::-1]


def test_a_path_of_fifty_thousand_runs_needs_no_recursion():
    timeline = grown()
    for turn in range(50_000):
        timeline.begin_run(2 * turn, turn, Read.FED if turn % 2 else Read.DRAWN, Draw())
        timeline.extend([turn % 100, 5])
    last = 100_000

    assert timeline.depth(last) == 100_000
    assert [timeline.ancestor(last, depth) for depth in (0, 1, 50_001, 99_999)] == [0, 1, 50_001, 99_999]
    assert timeline.ids_to(last, 99_997) == [5, 99, 5]
    assert len(timeline.ids_to(last)) == 100_000
    assert timeline.num_generated(last) == 50_000


class Counting(list):
    """Counts look-ups: each step of a search looks at the base of one run."""

    looks = 0

    def __getitem__(self, index):
        self.looks += 1
        return super().__getitem__(index)


def test_a_far_ancestor_is_found_in_constant_time_if_nobody_went_back():
    timeline = grown()
    for turn in range(20_000):
        timeline.begin_run(turn, turn, Read.FED, Draw())
        timeline.append(1)
    timeline.base = Counting(timeline.base)

    assert timeline.ancestor(20_000, 3) == 3
    assert timeline.base.looks == 2


def test_a_far_ancestor_is_found_in_logarithmic_time_after_going_back():
    """Each turn has two tokens, of which the second is undone."""
    timeline = grown()
    for turn in range(20_000):
        timeline.begin_run(max(2 * turn - 1, 0), turn, Read.FED, Draw())
        timeline.extend([1, 2])
    timeline.base = Counting(timeline.base)

    assert timeline.depth(timeline.ancestor(39_999, 3)) == 3
    assert timeline.ancestor(39_999, 3) == 5
    assert 10 < timeline.base.looks < 150


def test_the_ids_from_a_depth_leave_out_earlier_ones():
    timeline = grown((0, Read.FED, [1, 2, 3], 1, 0), (3, Read.DRAWN, [4, 5, 6], 1, 0), (4, Read.FED, [7], 2, 0))

    assert timeline.ids_to(6) == [1, 2, 3, 4, 5, 6]
    assert timeline.ids_to(7) == [1, 2, 3, 4, 7]
    assert timeline.ids_to(7, 2) == [3, 4, 7]
    assert timeline.ids_to(5, 5) == []


def test_a_fed_token_is_read_again_with_its_chunk():
    """Chunks end where the depth is a multiple of 32, wherever the feed began."""
    timeline = grown((0, Read.DRAWN, [9] * 30, 0, 0), (30, Read.FED, list(range(40)), 1, 0))

    assert timeline.call_to(31) == Call(31, 30, [0], Read.FED)
    assert timeline.call_to(32) == Call(32, 30, [0, 1], Read.FED)
    assert timeline.call_to(35) == Call(35, 32, [2, 3, 4], Read.FED)
    assert timeline.call_to(70) == Call(70, 64, [34, 35, 36, 37, 38, 39], Read.FED)
    assert timeline.call_to(30) == Call(30, 29, [9], Read.DRAWN)


def test_a_turn_includes_all_of_its_runs_and_its_reset():
    timeline = grown((0, Read.FED, [1], 1, 0), (1, Read.DRAWN, [2], 1, 0), (2, Read.FED, [3], 2, 0))
    root = timeline.add_root(3, 3, Draw())
    timeline.begin_run(root, 3, Read.FED, Draw())
    fed = timeline.append(4)
    timeline.begin_run(fed, 4, Read.DRAWN, Draw())
    drawn = timeline.append(5)

    assert timeline.before_turn(drawn) == fed
    assert timeline.before_turn(fed) == timeline.before_turn(root) == 3
    assert timeline.before_turn(3) == 2
    assert timeline.before_turn(2) == timeline.before_turn(1) == 0
    assert timeline.before_turn(0) == -1


def test_the_last_answer_is_found_before_fed_text_but_not_before_a_reset():
    timeline = grown((0, Read.DRAWN, [1], 1, 0), (1, Read.FED, [2], 2, 0), (2, Read.FED, [3], 3, 0))
    root = timeline.add_root(3, 4, Draw())

    assert timeline.last_answer(3) == timeline.last_answer(1) == 1
    assert timeline.last_answer(root) == timeline.last_answer(0) == -1


def test_the_retries_at_a_node_are_those_of_all_its_children():
    """The next token of its own run is a child as well."""
    timeline = grown(
        (0, Read.DRAWN, [1, 2, 3], 1, 4),
        (2, Read.DRAWN, [5], 2, 0),
        (2, Read.DRAWN, [5], 3, 2),
        (1, Read.DRAWN, [5], 4, 9),
    )

    assert timeline.retries_at(2) == {4, 0, 2}
    assert timeline.retries_at(1) == {4, 9}
    assert timeline.retries_at(3) == set()


def test_an_aborted_run_leaves_nothing():
    """KeyboardInterrupt may come between any two lines."""
    broken, sound = (grown((0, Read.DRAWN, [1, 2], 1, 0)) for _ in range(2))
    broken.parent.append(2)
    broken.base.append(2)
    for timeline in (broken, sound):
        timeline.begin_run(1, 2, Read.FED, Draw())
        timeline.extend([3, 4])

    assert vars(broken) == vars(sound)
    assert broken.num_generated(4) == sound.num_generated(4) == 1
