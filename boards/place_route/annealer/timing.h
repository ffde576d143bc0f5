// What wires take before they are led: by where their ends are.
#pragma once

#include <cstdlib>

#include "../paths/paths.h"
#include "placement.h"

// A wire's delay, as routed at speed grade 6 where there is room: 0.6 ns and 70 ps a tile.
constexpr int STEP = 70;  // ps
constexpr int START = 8;  // steps
inline int wire_steps(int dx, int dy) { return START + dx + dy; }

inline int wire_steps(const Connection& connection) {
    const Spot a = spots[connection.from], b = spots[connection.to];
    return wire_steps(std::abs(a.x - b.x), std::abs(a.y - b.y));
}

class Timing : public Paths {
public:
    // Brings `longest` and `pull` up to date with where the cells are.
    void look() {
        for (size_t i = 0; i < connections.size(); i++) delays[i] = STEP * wire_steps(connections[i]);
        analyse();
    }
};

inline Timing timing;
