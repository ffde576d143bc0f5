"""Anchor assignment and CIoU on cases worked out by hand."""

import pytest


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def test_ciou_of_equal_boxes_is_one(torch):
    from quant.detection_loss import complete_iou

    boxes = torch.tensor([[5.0, 5.0, 4.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
    torch.testing.assert_close(complete_iou(boxes, boxes), torch.ones(2))


def test_ciou_of_distant_boxes_is_the_distance_penalty(torch):
    from quant.detection_loss import complete_iou

    a, b = torch.tensor([[1.0, 1.0, 2.0, 2.0]]), torch.tensor([[5.0, 4.0, 2.0, 2.0]])
    # Centres are 4 and 3 apart, the hull is 6 by 5.
    torch.testing.assert_close(complete_iou(a, b), torch.tensor([-25 / 61]))


def test_a_target_is_learnt_by_its_cell_and_the_nearer_neighbours(torch):
    from quant.detection_loss import assign

    targets = torch.tensor([[3.0, 1.0, 2.2, 4.7, 1.0, 1.0]])
    anchors = torch.tensor([[1.2, 0.9], [5.0, 5.0]])
    picture, anchor, row, column, target = assign(targets, anchors, 10, 10)
    assert picture.tolist() == [3, 3, 3]
    assert anchor.tolist() == [0, 0, 0]
    assert sorted(zip(row.tolist(), column.tolist(), strict=True)) == [(4, 1), (4, 2), (5, 2)]
    assert target.tolist() == [0, 0, 0]


def test_neighbours_outside_the_map_are_left_out(torch):
    from quant.detection_loss import assign

    targets = torch.tensor([[0.0, 0.0, 0.2, 9.9, 1.0, 1.0]])
    _, _, row, column, _ = assign(targets, torch.tensor([[1.0, 1.0]]), 10, 10)
    assert (row.tolist(), column.tolist()) == ([9], [0])


def test_right_logits_cost_less_than_wrong_ones(torch):
    from quant.detection_loss import detection_loss

    targets = torch.tensor([[0.0, 1.0, 12.0, 12.0, 8.0, 8.0]])
    losses = {}
    for label in (0, 1):
        logits = torch.zeros(1, 7, 4, 4)
        logits[:, 4] = -10
        # The target lies in the middle of cell (1, 1); its size is the anchor's.
        for row, column in ((1, 1), (1, 2), (2, 1)):
            logits[0, 4, row, column] = 10
            logits[0, 5 + label, row, column] = 10
            logits[0, 6 - label, row, column] = -10
        losses[label], shares = detection_loss((logits,), targets, (8,), (((8.0, 8.0),),))
        assert losses[label] == pytest.approx(float(shares.sum()))
    assert losses[1] < losses[0]


def test_a_batch_without_targets_has_a_loss(torch):
    from quant.detection_loss import detection_loss

    loss, _ = detection_loss((torch.zeros(1, 7, 4, 4),), torch.zeros(0, 6), (8,), (((8.0, 8.0),),))
    assert torch.isfinite(loss)
