// The cheapest way from what a net has to one more sink.
//
// A way costs its delay as far as the sink is urgent, and as far as it is not, what its wires are
// asked for: by how many nets now, and by how many too many in all rounds so far (L. McMurchie and
// C. Ebeling, "PathFinder", FPGA 1995). The search goes to those wires first that are near the sink
// (A*).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "ahead.h"
#include "hurry.h"
#include "nets.h"

class Search {
public:
    float present = 0;                // the price of a wire for each other net on it, in its own
    float most_urgent = MOST_URGENT;  // no sink is more: below 1, so that conflicts cost something
    int margin = 0;                   // tiles that a way may leave the box around its ends
    size_t most_starts = 48;          // wires of a net where a search begins: the nearest ones
    long steps = 0;

    void start() {
        states.assign(chip.wires(), {});
        opened.assign(chip.wires(), 0);
        ahead.start();
    }

    // Leads `net` to `sink`; false where there is no way whatever it costs. What would come too
    // late is led as if nothing were more urgent.
    bool lead(Net& net, const Sink& sink) {
        if (!net.tree.count(sink.wire)) {  // an input of a slice may be there for several pins
            const float urgent = std::min(sink.urgency, most_urgent);
            everything = false;
            draw_box(net.source, sink.wire, margin);
            if (!find(net, sink, urgent)) {
                everything = true;
                draw_box(net.source, sink.wire, chip.width + chip.height);
                if (!find(net, sink, urgent)) return false;
            }
            if (sink.time && urgent < most_urgent && states[goal].delay > sink.time)
                find(net, sink, most_urgent);
            take(net);
        }
        for (int wire = sink.wire; wire >= 0; wire = net.tree[wire].before) net.tree[wire].sinks++;
        return true;
    }

private:
    static constexpr float LEAST_URGENT = 0.3f;  // no sink hangs at the end of a chain of others
    static constexpr float HASTE = 1.2f;   // above 1: fewer steps, and not always the best way

    struct State {
        float cost, estimate;
        int before, delay;
        uint32_t round = 0;
        Switch by;
    };
    using Entry = std::pair<float, int>;
    static bool later(const Entry& a, const Entry& b) { return a.first > b.first; }

    std::vector<State> states;
    std::vector<Entry> queue, starts;
    Ahead ahead;
    std::vector<uint32_t> opened;  // in which search an inner wire may be used
    uint32_t round = 0;
    int goal = 0, freedom = 0, goal_x = 0, goal_y = 0;
    int left = 0, right = 0, low = 0, high = 0;
    float urgency = 0;
    bool everything = false;

    bool find(const Net& net, const Sink& sink, float how_urgent) {
        round++;
        goal = sink.wire, freedom = sink.freedom, urgency = how_urgent;
        goal_x = chip.x(goal), goal_y = chip.y(goal);
        open_doors();
        begin_at(net);
        while (!queue.empty()) {
            const auto [estimate, wire] = queue.front();
            std::pop_heap(queue.begin(), queue.end(), later);
            queue.pop_back();
            if (wire == goal) return true;
            if (estimate > states[wire].estimate) continue;  // a better way came in between
            steps++;
            go_on_from(wire);
        }
        return false;
    }

    void draw_box(int a, int b, int more) {
        left = std::min(chip.x(a), chip.x(b)) - more, right = std::max(chip.x(a), chip.x(b)) + more;
        low = std::min(chip.y(a), chip.y(b)) - more, high = std::max(chip.y(a), chip.y(b)) + more;
    }
    float rest(int wire) const {
        if (ahead.inner(wire)) return 0;
        return ahead.cost(wire, goal_x - chip.x(wire), goal_y - chip.y(wire));
    }

    // Lets the search use those inner wires that lead to its goal.
    void open_doors() {
        opened[goal] = round;
        std::vector<int> next{goal};
        while (!next.empty()) {
            const int wire = next.back();
            next.pop_back();
            chip.into(wire, [&](Switch, const SwitchData&, int from) {
                if (!ahead.inner(from) || opened[from] == round) return;
                opened[from] = round;
                next.push_back(from);
            });
        }
    }

    // All that the net has is closed, and the nearest of it is where the search begins. The only
    // way may lead through what is not near, as the pins of a block share wires: then, from all.
    void begin_at(const Net& net) {
        queue.clear();
        starts.clear();
        const float urgent = std::max(urgency, LEAST_URGENT);
        for (const auto& [wire, branch] : net.tree) {
            State& state = states[wire];
            state = {urgent * branch.delay, 0, -1, branch.delay, round, {}};
            state.estimate = state.cost + rest(wire);
            const bool usable = !ahead.inner(wire) || opened[wire] == round;
            if (usable) starts.push_back({state.estimate, wire});
        }
        if (starts.size() > most_starts && !everything) {
            std::nth_element(starts.begin(), starts.begin() + most_starts, starts.end());
            starts.resize(most_starts);
        }
        queue = starts;
        std::make_heap(queue.begin(), queue.end(), later);
    }

    bool allows(const SwitchData& data) const {
        const Permutation permutation{data.permutation};
        return !permutation.is_one() || freedom == ANY ||
               (freedom == ITS_PAIR && permutation.within_pair());
    }

    void go_on_from(int wire) {
        const State here = states[wire];
        chip.from(wire, [&](Switch by, const SwitchData& data, int next) {
            const Wire& at = chip.wires_now[next];
            if (at.kind == Ahead::INNER && opened[next] != round) return;
            if (at.x < left || at.x > right || at.y < low || at.y > high || !allows(data)) return;
            State& there = states[next];
            if (there.round == round && there.before < 0) return;  // of the net itself
            const Delay& delay = chip.delay(data);
            const int takes = delay.most + delay.most_each;
            const float price =
                (takes + A_WIRE) * (1 + at.history) * (1 + present * at.nets);
            const float cost = here.cost + urgency * takes + (1 - urgency) * price;
            if (there.round == round && there.cost <= cost) return;
            there = {cost, cost + HASTE * rest(next), wire, here.delay + takes, round, by};
            queue.push_back({there.estimate, next});
            std::push_heap(queue.begin(), queue.end(), later);
        });
    }

    void take(Net& net) {
        for (int wire = goal; states[wire].before >= 0; wire = states[wire].before) {
            net.tree[wire] = {states[wire].by, states[wire].before, 0, states[wire].delay};
            chip.wires_now[wire].nets++;
        }
    }
};
