// Which connections are urgent: by what their ways take, and by the paths over them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <unordered_map>
#include <vector>

#include "../paths/paths.h"
#include "nets.h"

constexpr float MOST_URGENT = 0.98f;

// How much is asked of a placement.
struct Terms {
    float detour;  // of what a wire takes by its length: more, on a path too long, is led anew
    float raised;  // the goal in a round, where there are not wires enough for all that is urgent
};

class Hurry {
public:
    Paths paths;
    int goal = 0;         // ps: no path should be longer
    int by_distance = 0;  // ps: the longest path before anything is led

    // Before anything is led: all wires by their length.
    void start(const Terms& on) {
        terms = on;
        std::fill(paths.delays.begin(), paths.delays.end(), 0);
        for (Net& net : nets)
            for (Sink& sink : net.sinks) {
                sink.urgency = 0;
                if (sink.connection >= 0) {
                    const int dx = std::abs(chip.x(net.source) - chip.x(sink.wire));
                    const int dy = std::abs(chip.y(net.source) - chip.y(sink.wire));
                    int& delay = paths.delays[sink.connection];
                    delay = std::max(delay, STEP * wire_steps(dx, dy));
                }
            }
        alone = paths.delays;
        paths.analyse();
        goal = by_distance = paths.longest;
        judge();
    }

    // All wires as they are led.
    void look() {
        std::fill(paths.delays.begin(), paths.delays.end(), 0);
        std::unordered_map<int, int> readers;
        for (const Net& net : nets) {
            readers.clear();
            for (const auto& [wire, branch] : net.tree)
                if (branch.before >= 0) readers[branch.before]++;
            for (const Sink& sink : net.sinks) {
                if (sink.connection < 0) continue;
                int takes = 0;
                for (int wire = sink.wire; wire >= 0;) {
                    const Branch& branch = net.tree.at(wire);
                    if (branch.before >= 0) {
                        const Delay& delay = chip.delay(chip.of_switch(branch.by));
                        takes += delay.most + delay.most_each * readers[branch.before];
                    }
                    wire = branch.before;
                }
                int& longest = paths.delays[sink.connection];
                longest = std::max(longest, takes);
            }
        }
        paths.analyse();
        judge();
    }

    void raise_goal() {
        goal = int(terms.raised * goal);
        judge();
    }
    void lower_goal() {
        goal = std::min(goal, int(NEXT_GOAL * paths.longest));
        judge();
    }

    // Whether a sink is on a path that is too long, and its own way is to blame.
    bool is_late(const Sink& sink) const {
        const int number = sink.connection;
        return number >= 0 && over[number] > goal &&
               paths.delays[number] > terms.detour * alone[number];
    }

private:
    static constexpr float SHARPNESS = 6;
    static constexpr float KEEPS = 0.95f;      // of its urgency, what was: two must not take turns
    static constexpr float NEXT_GOAL = 0.975f;  // of what has been reached
    Terms terms{};
    std::vector<int> alone;                    // of a connection: what it takes by its length
    std::vector<int> over;                     // of a connection: the longest path over it

    void judge() {
        over = paths.longest_over();
        for (Net& net : nets)
            for (Sink& sink : net.sinks)
                if (const int number = sink.connection; number >= 0) {
                    const float now = std::pow(float(over[number]) / goal, SHARPNESS);
                    sink.urgency = std::max(KEEPS * sink.urgency, std::min(MOST_URGENT, now));
                    sink.time = paths.delays[number] + std::max(0, goal - over[number]);
                }
    }
};
