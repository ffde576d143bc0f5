// Where wires are crowded, and what that makes a tile cost that one leads across.
//
// A net's wires are taken to be spread evenly over its bounding box. How many lead through a tile is
// counted for squares of tiles, and for each of four directions apart (directions.h).
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "placement.h"

struct Box {
    int left, right, low, high;
    int length() const { return right - left + high - low; }
};

constexpr double MANY = 12.5;   // wires through a tile: there another tile costs twice as much
constexpr double STEEP = 3;     // the extra price grows with this power of them
constexpr double FOLLOW = 0.25; // of a price's change, so that wires do not move to and fro

// Of one direction. `begin`, `add` for every net and `end` count anew.
class Crowding {
public:
    static constexpr int SIDE = 4;  // tiles

    void start() {
        columns = (width + SIDE - 1) / SIDE, rows = (height + SIDE - 1) / SIDE;
        demand.assign((columns + 1) * (rows + 1), 0);
        price.assign(columns * rows, 1);
        sums.assign((columns + 1) * (rows + 1), 0);
        sum_up();
    }
    void begin() { std::fill(demand.begin(), demand.end(), 0); }
    void add(const Box& box, double wire) {
        int left = box.left / SIDE, right = box.right / SIDE + 1;
        int low = box.low / SIDE, high = box.high / SIDE + 1;
        double share = wire / ((right - left) * (high - low) * SIDE * SIDE);
        demand[at(left, low)] += share;
        demand[at(right, low)] -= share;
        demand[at(left, high)] -= share;
        demand[at(right, high)] += share;
    }
    void end() {
        for (int x = 0; x < columns; x++)
            for (int y = 0; y < rows; y++) {
                double& here = demand[at(x, y)];
                if (x) here += demand[at(x - 1, y)];
                if (y) here += demand[at(x, y - 1)];
                if (x && y) here -= demand[at(x - 1, y - 1)];
                double wanted = 1 + std::pow(std::max(here, 0.0) / MANY, STEEP);
                double& now = price[x * rows + y];
                now += FOLLOW * (wanted - now);
            }
        sum_up();
    }
    // The mean price of a tile in the squares that a box touches.
    double mean(const Box& box) const {
        int left = box.left / SIDE, right = box.right / SIDE + 1;
        int low = box.low / SIDE, high = box.high / SIDE + 1;
        double sum = sums[at(right, high)] - sums[at(left, high)] - sums[at(right, low)] +
                     sums[at(left, low)];
        return sum / ((right - left) * (high - low));
    }
    // Wires through a tile, at this square.
    double wires(int x, int y) const { return demand[at(x / SIDE, y / SIDE)]; }
    // The mean of the tenth of all squares with most of them.
    double crowded() const {
        std::vector<double> found;
        for (int x = 0; x < columns; x++)
            for (int y = 0; y < rows; y++) found.push_back(demand[at(x, y)]);
        std::sort(found.rbegin(), found.rend());
        size_t tenth = found.size() / 10 + 1;
        return std::accumulate(found.begin(), found.begin() + tenth, 0.0) / tenth;
    }

private:
    int columns = 0, rows = 0;
    std::vector<double> demand, price, sums;

    int at(int x, int y) const { return x * (rows + 1) + y; }
    void sum_up() {
        for (int x = 0; x < columns; x++)
            for (int y = 0; y < rows; y++)
                sums[at(x + 1, y + 1)] = price[x * rows + y] + sums[at(x, y + 1)] +
                                         sums[at(x + 1, y)] - sums[at(x, y)];
    }
};
