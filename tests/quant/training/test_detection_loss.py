"""Anchor assignment and CIoU on cases worked out by hand."""

import pytest


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def test_ciou_of_equal_boxes_is_one(torch):
    from quant.training.detection_loss import complete_iou

    boxes = torch.tensor([[5.0, 5.0, 4.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
    torch.testing.assert_close(complete_iou(boxes, boxes), torch.ones(2))


def test_ciou_of_distant_boxes_is_the_distance_penalty(torch):
    from quant.training.detection_loss import complete_iou

    a, b = torch.tensor([[1.0, 1.0, 2.0, 2.0]]), torch.tensor([[5.0, 4.0, 2.0, 2.0]])
    # Centres are 4 and 3 apart, the hull is 6 by 5.
    torch.testing.assert_close(complete_iou(a, b), torch.tensor([-25 / 61]))


def test_a_target_is_learnt_by_its_cell_and_the_nearer_neighbours(torch):
    from quant.training.detection_loss import assign

    targets = torch.tensor([[3.0, 1.0, 2.2, 4.7, 1.0, 1.0]])
    anchors = torch.tensor([[1.2, 0.9], [5.0, 5.0]])
    picture, anchor, row, column, target = assign(targets, anchors, 10, 10)
    assert picture.tolist() == [3, 3, 3]
    assert anchor.tolist() == [0, 0, 0]
    assert sorted(zip(row.tolist(), column.tolist(), strict=True)) == [(4, 1), (4, 2), (5, 2)]
    assert target.tolist() == [0, 0, 0]


def test_neighbours_outside_the_map_are_left_out(torch):
    from quant.training.detection_loss import assign

    targets = torch.tensor([[0.0, 0.0, 0.2, 9.9, 1.0, 1.0]])
    _, _, row, column, _ = assign(targets, torch.tensor([[1.0, 1.0]]), 10, 10)
    assert (row.tolist(), column.tolist()) == ([9], [0])


def test_right_logits_cost_less_than_wrong_ones(torch):
    from quant.training.detection_loss import detection_loss

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
    from quant.training.detection_loss import detection_loss

    loss, _ = detection_loss((torch.zeros(1, 7, 4, 4),), torch.zeros(0, 6), (8,), (((8.0, 8.0),),))
    assert torch.isfinite(loss)


def test_a_perfect_prediction_by_hand(torch):
    """Box and class cost nothing; objectness costs what its certainty leaves."""
    from quant.training.detection_loss import BALANCE, CLASS, OBJECT, detection_loss

    targets = torch.tensor([[0.0, 1.0, 12.0, 12.0, 8.0, 8.0]])
    logits = torch.zeros(1, 7, 4, 4)  # boxes in the middle of each cell, of the anchor's size
    logits[:, 4], logits[:, 5], logits[:, 6] = -20, -20, 20
    cells = ((1, 1), (1, 2), (2, 1))  # centre 12 is 1.5 cells: the later neighbours
    for row, column in cells:
        logits[0, 4, row, column] = 20
        # sigmoid(t) 2 - 0.5 = 1.5 - cell
        for channel, cell in ((0, column), (1, row)):
            logits[0, channel, row, column] = torch.logit(torch.tensor((2.0 - cell) / 2), eps=1e-6)
    _, (box, objectness, label) = detection_loss((logits,), targets, (8,), (((8.0, 8.0),),))
    assert float(box) < 1e-4
    assert float(label) == pytest.approx(0, abs=CLASS * 1e-6)
    assert float(objectness) == pytest.approx(0, abs=OBJECT * BALANCE[8] * 1e-3)


def test_objectness_learns_the_overlap(torch):
    """BCE of logit t to target y has the gradient sigmoid(t) - y: 0 where y is the IoU."""
    from quant.training.detection_loss import complete_iou, detection_loss

    targets = torch.tensor([[0.0, 0.0, 12.0, 12.0, 8.0, 8.0]])
    logits = torch.zeros(1, 6, 4, 4)
    predicted = torch.tensor([[1.5, 1.5, 1.3**2, 1.0]])  # in cells, of cell (1, 1)
    logits[0, 2, 1, 1] = torch.logit(torch.tensor(1.3 / 2))
    iou = float(complete_iou(predicted, torch.tensor([[1.5, 1.5, 1.0, 1.0]])))
    logits[0, 4, 1, 1] = torch.logit(torch.tensor(iou))
    logits.requires_grad_()
    detection_loss((logits,), targets, (8,), (((8.0, 8.0),),))[0].backward()
    gradient = logits.grad[0, 4]
    assert abs(float(gradient[1, 1])) < 1e-6
    assert float(gradient[3, 3]) > 0


def test_the_best_fit_decides_where_targets_share_a_cell(torch):
    """Objectness is then at rest at the largest overlap, in whatever order the targets come."""
    from quant.training.detection_loss import complete_iou, detection_loss

    targets = torch.tensor([[0.0, 0.0, 12.0, 12.0, 8.0, 8.0], [0.0, 0.0, 12.0, 12.0, 12.0, 8.0]])
    logits = torch.zeros(1, 6, 4, 4)
    predicted = torch.tensor([[1.5, 1.5, 1.0, 1.0]]).expand(2, 4)
    overlaps = complete_iou(predicted, targets[:, 2:] / 8)
    assert overlaps[0] > overlaps[1] + 0.1
    logits[0, 4, 1, 1] = torch.logit(overlaps[0], eps=1e-6)
    for order in ([0, 1], [1, 0]):
        given = logits.clone().requires_grad_()
        detection_loss((given,), targets[order], (8,), (((8.0, 8.0),),))[0].backward()
        assert abs(float(given.grad[0, 4, 1, 1])) < 1e-6


def test_the_number_of_threads_changes_nothing(torch):
    """Thousands of targets, many in one cell: what is added is added in one order."""
    from quant.training.detection_loss import detection_loss

    dice = torch.Generator().manual_seed(1)
    targets = torch.rand(6000, 6, generator=dice)
    targets[:, 0] = torch.arange(6000) % 4
    targets[:, 1] = torch.arange(6000) % 20
    targets[:, 2:4] *= 64
    targets[:, 4:] = 8 + 8 * targets[:, 4:]
    logits = torch.randn(4, 75, 8, 8, generator=dice)
    found = []
    try:
        for threads in (1, 2, 2, 2, 2):
            torch.set_num_threads(threads)
            given = logits.clone().requires_grad_()
            loss, _ = detection_loss((given,), targets, (8,), (((8.0, 8.0),) * 3,))
            loss.backward()
            found.append((loss.detach(), given.grad))
    finally:
        torch.set_num_threads(1)
    for loss, gradient in found[2:]:
        assert torch.equal(loss, found[1][0])
        assert torch.equal(gradient, found[1][1])
    torch.testing.assert_close(found[0][1], found[1][1])


def test_ciou_of_shifted_boxes_by_hand(torch):
    from quant.training.detection_loss import complete_iou

    a, b = torch.tensor([[1.0, 1.0, 2.0, 2.0]]), torch.tensor([[2.0, 1.0, 2.0, 2.0]])
    # Half of each overlaps: 2 of 6; the centres are 1 apart in a hull of 3 by 2; one shape.
    torch.testing.assert_close(complete_iou(a, b), torch.tensor([2 / 6 - 1 / 13]))
