// What wires take before they are led: by where their ends are.
#pragma once

#include <cstdlib>

#include "../paths/paths.h"
#include "placement.h"

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
