// What the rest of a way costs where nobody else is: by the kind of wire that one is on, and by
// how many tiles across and up the sink is away.
//
// Worked out once, from the inputs of LUTs in the middle of the chip backwards. What is farther
// away than anything from there goes on at the price of the last tiles.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "nets.h"

constexpr int A_WIRE = 40;  // ps: the price of a wire besides its delay

class Ahead {
public:
    static constexpr uint8_t INNER = 255;  // leads only to pins of its own tile or block

    void start() {
        rank_wires();
        across = chip.width, up = chip.height;
        costs.assign(size_t(kinds.size()) * across * up * 4, UNKNOWN);
        look_back();
        fill();
    }
    bool inner(int wire) const { return chip.wires_now[wire].kind == INNER; }

    // From `wire` to something `dx` tiles to the right and `dy` below.
    float cost(int wire, int dx, int dy) const {
        return costs[index(chip.wires_now[wire].kind, dx, dy)];
    }

private:
    static constexpr uint16_t UNKNOWN = 65535;
    static constexpr int A_TILE = 60;
    static constexpr int DEPTH = 4;
    std::unordered_map<std::string, int> kinds;
    std::vector<uint16_t> costs;
    int across = 0, up = 0;

    size_t index(int kind, int dx, int dy) const {
        return (size_t(kind) * 2 * up + (dy + up)) * 2 * across + (dx + across);
    }

    // H06E0003 is of kind H06E, Q5 of kind Q.
    static std::string kind_name(const std::string& name) {
        const bool span = name.size() > 4 && std::isdigit(name[1]) && std::isdigit(name[2]);
        if (span && !std::isdigit(name[3])) return name.substr(0, 4);
        std::string found;
        for (char c : name)
            if (!std::isdigit(c)) found += c;
        return found;
    }

    // Kinds; from pins backwards, wires that nothing but inner wires can be reached from are inner.
    void rank_wires() {
        for (int depth = 0; depth < DEPTH; depth++)
            for (int wire = 0; wire < chip.wires(); wire++) {
                if (inner(wire)) continue;
                bool only = true;
                chip.from(wire, [&](Switch, const SwitchData&, int next) { only &= inner(next); });
                if (only) chip.wires_now[wire].kind = INNER;
            }
        std::unordered_map<const void*, int> known;  // by the name's address: tiles share tables
        for (int wire = 0; wire < chip.wires(); wire++) {
            if (inner(wire)) continue;
            const char* name = chip.of_wire(wire).name.get();
            auto [found, fresh] = known.try_emplace(name, 0);
            if (fresh) {
                int next = int(kinds.size());
                found->second = kinds.try_emplace(kind_name(name), next).first->second;
            }
            chip.wires_now[wire].kind = uint8_t(std::min(found->second, INNER - 1));
        }
    }

    // Dijkstra's shortest ways to the LUTs of one tile, against the switches' direction.
    void look_back() {
        const auto [middle_x, middle_y] = chip.middle();
        std::vector<int> least(chip.wires(), INT32_MAX);
        using Entry = std::pair<int, int>;
        std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> queue;
        for (const char* input : {"A", "B", "C", "D"})
            for (int lut = 0; lut < 8; lut++) {
                const int wire =
                    chip.wire(middle_x, middle_y, input + std::to_string(lut) + "_SLICE");
                least[wire] = 0;
                queue.push({0, wire});
            }
        while (!queue.empty()) {
            const auto [cost, wire] = queue.top();
            queue.pop();
            if (cost > least[wire]) continue;
            if (!inner(wire)) {
                const int dx = middle_x - chip.x(wire), dy = middle_y - chip.y(wire);
                uint16_t& known = costs[index(chip.wires_now[wire].kind, dx, dy)];
                known = uint16_t(std::min<int>(known, std::min<int>(cost, UNKNOWN - 1)));
            }
            chip.into(wire, [&](Switch, const SwitchData& data, int from) {
                const Delay& delay = chip.delay(data);
                const int sum = cost + delay.most + delay.most_each + A_WIRE;
                if (sum >= least[from]) return;
                least[from] = sum;
                queue.push({sum, from});
            });
        }
    }

    // What has not been seen is like what is nearer to the sink, and so many tiles more.
    void fill() {
        for (int kind = 0; kind < int(kinds.size()); kind++)
            for (int ring = 0; ring < across + up; ring++)
                for (int dx = -std::min(ring, across - 1); dx <= std::min(ring, across - 1); dx++)
                    for (int dy : {std::abs(dx) - ring, ring - std::abs(dx)}) {
                        if (dy <= -up || dy >= up) continue;
                        uint16_t& cost = costs[index(kind, dx, dy)];
                        if (cost != UNKNOWN) continue;
                        int nearer = 0;
                        const int a = dx - (dx > 0) + (dx < 0), b = dy - (dy > 0) + (dy < 0);
                        if (dx) nearer = costs[index(kind, a, dy)];
                        if (dy) nearer = std::max<int>(nearer, costs[index(kind, dx, b)]);
                        cost = uint16_t(std::min<int>(nearer + (ring ? A_TILE : 0), UNKNOWN - 1));
                    }
    }
};
