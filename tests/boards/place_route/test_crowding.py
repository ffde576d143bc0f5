"""What the annealer's price counts, against the same counted tile by tile with NumPy."""

import random
import subprocess

import numpy as np
import pytest

from boards.place_route.anneal import SOURCE

WIDTH, HEIGHT, SIDE = 30, 21, 4
"""Neither is a multiple of the squares' side."""
ANYWHERE = (5, 17, 2, 18)
CROWDING = f"""
#include "crowding.h"
int main() {{
    width = {WIDTH}, height = {HEIGHT};
    Crowding crowding;
    crowding.start();
    crowding.begin();
    Box box;
    double wire;
    while (std::scanf("%d %d %d %d %lf", &box.left, &box.right, &box.low, &box.high, &wire) == 5)
        crowding.add(box, wire);
    crowding.end();
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            std::printf("%.9g %.9g\\n", crowding.wires(x, y), crowding.mean({{x, x, y, y}}));
    std::printf("%.9g\\n", crowding.mean({{{", ".join(map(str, ANYWHERE))}}}));
}}
"""
PRICE = """
#include "price.h"
int main() {
    width = 40, height = 40;
    tile_at.assign(width * height, -1);
    for (Spot spot : {Spot{5, 5}, Spot{15, 5}, Spot{5, 15}}) {
        cells.push_back({FIXED, 0, 0, 0, 0});
        spots.push_back(spot);
    }
    for (int net : {0, 1, 0, 1}) nets_of.items.push_back(net);
    nets_of.start = {0, 2, 3, 4};  // net 0 leads across, net 1 upwards
    cells_of = inverse(nets_of, 2);
    source_of = {0, 0};
    price.start(0, 0);
    for (Spot spot : {Spot{25, 5}, Spot{5, 25}}) {
        price.begin_move();
        price.move(spot.y == 5 ? 1 : 2, spot.x, spot.y);
        std::printf("%.9g\\n", price.change());
        price.take_back();
    }
}
"""

EASTWARDS = """
#include "price.h"
int main() {
    width = 40, height = 40;
    tile_at.assign(width * height, -1);
    for (int net = 0; net < 400; net++) {  // all lead east but the last, which none is beside
        const bool last = net == 399;
        for (int x : {last ? 30 : 10, last ? 10 : 30}) {
            cells.push_back({FIXED, 0, 0, 0, 0});
            spots.push_back({int16_t(x), 20});
            nets_of.items.push_back(net);
            nets_of.end_list();
        }
        source_of.push_back(2 * net);
    }
    cells_of = inverse(nets_of, 400);
    price.start(0, 0);
    const Directions& crowds = price.crowds;
    std::printf("%.9g %.9g\\n", crowds.east.wires(20, 20), crowds.west.wires(20, 20));
    for (int cell : {1, 799}) {  // a reader moves on
        price.begin_move();
        price.move(cell, cell == 1 ? 34 : 6, 20);
        std::printf("%.9g 0\\n", price.change());
        price.take_back();
    }
}
"""


def run(folder, source, text=""):
    """Compile ``source`` beside the annealer's headers, and return the numbers it prints."""
    (folder / "test.cpp").write_text(source)
    subprocess.run(
        ["g++", "-O1", "-std=c++17", "-Wall", "-Werror", f"-I{SOURCE.parent}", "test.cpp"],
        cwd=folder, check=True,
    )  # fmt: skip
    out = subprocess.run(["./a.out"], cwd=folder, input=text, text=True, capture_output=True,
                         check=True).stdout  # fmt: skip
    return [[float(value) for value in line.split()] for line in out.splitlines()]


def test_wires_and_prices(tmp_path, seed):
    chance = random.Random(seed)
    lines, wires = [], np.zeros((HEIGHT + SIDE, WIDTH + SIDE))
    for _ in range(60):
        left, right = sorted(chance.choices(range(WIDTH), k=2))
        low, high = sorted(chance.choices(range(HEIGHT), k=2))
        wire = chance.uniform(1, 900)
        lines.append(f"{left} {right} {low} {high} {wire}")
        columns = slice(left // SIDE * SIDE, right // SIDE * SIDE + SIDE)
        rows = slice(low // SIDE * SIDE, high // SIDE * SIDE + SIDE)
        wires[rows, columns] += wire / wires[rows, columns].size
    price = 1 + 0.25 * (wires / 12.5) ** 3
    *tiles, (anywhere,) = run(tmp_path, CROWDING, "\n".join(lines))
    counted, mean = np.array(tiles).reshape(HEIGHT, WIDTH, 2).transpose(2, 0, 1)
    assert np.allclose(counted, wires[:HEIGHT, :WIDTH], rtol=1e-6, atol=1e-6)
    assert np.allclose(mean, price[:HEIGHT, :WIDTH], rtol=1e-6)
    left, right, low, high = (end // SIDE * SIDE for end in ANYWHERE)
    assert anywhere == pytest.approx(price[low : high + SIDE, left : right + SIDE].mean())


def test_across_is_dearer_than_upwards(tmp_path):
    (across,), (up,) = run(tmp_path, PRICE)
    assert 1.28 < across / up < 1.36, "a tile across costs 1.3 of one upwards, long wires more"


def test_each_direction_has_wires_of_its_own(tmp_path):
    wires, (east, _), (west, _) = run(tmp_path, EASTWARDS)
    assert wires == pytest.approx([399 * 20 / (6 * SIDE**2), 20 / (6 * SIDE**2)])
    assert east > 10 * west, "east is crowded, and west is not"
