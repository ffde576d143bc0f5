// Nets, the ways that they have, and how many nets want each wire.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_map>
#include <vector>

#include "../paths/paths.h"
#include "chip.h"

constexpr int KEPT = 3;  // nextpnr's STRENGTH_PLACER: what its router must not take up

// Which inputs of its LUT a signal may come in at.
enum Freedom { ITS_OWN, ITS_PAIR, ANY };

struct Sink {
    int wire;
    int connection;  // on paths; -1: on none
    int freedom;
    float urgency = 0;  // 1: on the longest path
    int time = 0;       // ps that its way may take: more makes a path too long; 0: no matter
};
// How a net comes to a wire.
struct Branch {
    Switch by;
    int before = -1;  // the wire that the switch leads from; -1: the source itself
    int sinks = 0;    // that are reached through here
    int delay = 0;    // from the source, ps
};
struct Net {
    int source;
    std::vector<Sink> sinks;
    std::unordered_map<int, Branch> tree;  // by wire
};

inline Chip chip;
inline std::vector<Net> nets;

inline int read_wire(FILE* file) {
    int x, y;
    char name[100];
    if (std::fscanf(file, "%d %d %99s", &x, &y, name) != 3) std::exit(2);
    const int found = chip.wire(x, y, name);
    if (found < 0) {
        std::printf("ERROR: X%d/Y%d has no wire %s\n", x, y, name);
        std::exit(2);
    }
    return found;
}

// Nets, of each: its source, its node in the graph of paths, and its sinks with cell and freedom.
inline void read_nets(FILE* file, const Paths& paths) {
    int count;
    read(file, &count);
    nets.resize(count);
    for (Net& net : nets) {
        int node, sinks, cell;
        net.source = read_wire(file);
        read(file, &node, &sinks);
        for (; sinks > 0; sinks--) {
            Sink sink{read_wire(file), -1, 0};
            read(file, &cell, &sink.freedom);
            if (node >= 0) sink.connection = paths.connection(node, cell);
            net.sinks.push_back(sink);
        }
    }
}

inline bool crosses_others(const Net& net, const Sink& sink) {
    for (int wire = sink.wire; wire >= 0; wire = net.tree.at(wire).before)
        if (chip.wires_now[wire].nets > 1) return true;
    return false;
}

// Gives up all ways, and what was remembered of who wanted which wire.
inline void forget_ways() {
    for (Wire& wire : chip.wires_now) wire.nets = 0, wire.history = 0;
    for (Net& net : nets) {
        std::unordered_map<int, Branch>().swap(net.tree);  // in the order of a new one
        net.tree[net.source] = {};
        chip.wires_now[net.source].nets++;
    }
}

// Gives up the way to a sink; what leads to other sinks, too, stays.
inline void take_up(Net& net, const Sink& sink) {
    for (int wire = sink.wire; wire >= 0;) {
        auto found = net.tree.find(wire);
        const int before = found->second.before;
        if (--found->second.sinks == 0 && before >= 0) {
            net.tree.erase(found);
            chip.wires_now[wire].nets--;
        }
        wire = before;
    }
}

// Writes the ways of each net in a line, as nextpnr has them in a net's attribute ROUTING.
inline bool write_ways(const char* path) {
    FILE* file = std::fopen(path, "w");
    if (!file) return false;
    for (const Net& net : nets) {
        const char* before = "";
        for (const auto& [wire, branch] : net.tree) {
            const std::string by = branch.before < 0 ? "" : chip.switch_name(branch.by);
            const std::string name = chip.wire_name(wire);
            std::fprintf(file, "%s%s;%s;%d", before, name.c_str(), by.c_str(), KEPT);
            before = ";";
        }
        std::fputc('\n', file);
    }
    return std::fclose(file) == 0;
}
