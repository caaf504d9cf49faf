"""Who computes what: sequences dealt out to ranks."""

import pytest

from skipthink_torch.batch import deal, length_batches, share_step


@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_every_sequence_goes_to_one_rank(world: int) -> None:
    lengths = [[9, 8, 8], [5, 5, 2]]
    shares = share_step(lengths, world)
    flat = [length for micro in lengths for length in micro]
    assert sorted(index for rank in shares for micro in rank for index in micro) == list(range(6))
    for micro in (m for rank in shares for m in rank):
        assert len(micro) * max(flat[index] for index in micro) <= 27


@pytest.mark.parametrize("world", [1, 2, 8, 64])
def test_a_call_of_scoring_is_work_for_all_ranks(world: int) -> None:
    lengths = [40 + 7 * (index % 31) for index in range(256)]
    dealt = deal(lengths, world)
    assert {len(part) for part in dealt} == {256 // world}
    shares = [length_batches(lengths, part, 8192) for part in dealt]
    assert sorted(i for batches in shares for batch in batches for i in batch) == list(range(256))
    for batch in (one for batches in shares for one in batches):
        assert len(batch) * max(lengths[index] for index in batch) <= 8192
    # All wait for the rank with the most tokens.
    tokens = [sum(lengths[index] for index in part) for part in dealt]
    assert max(tokens) < 1.35 * sum(tokens) / world


def test_one_rank_takes_the_plan_as_it_is() -> None:
    assert share_step([[3, 9], [2]], 1) == [[[0, 1], [2]]]
