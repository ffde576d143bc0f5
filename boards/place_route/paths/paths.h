// How late signals are, and which connections make them so.
//
// A *node* is an output of a cell, or the end of paths in a cell (what a flip-flop takes in). An
// *arc* leads from an output to a node of the cell that reads it: over a wire, and through it. A
// *connection* is a wire from an output to a cell, whatever the pins. What timing_graph.py writes
// is read here; how long wires take is for those to say who ask.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "lists.h"

// A wire's delay, as routed at speed grade 6 where there is room: 0.6 ns and 70 ps a tile.
constexpr int STEP = 70;  // ps
constexpr int START = 8;  // steps
inline int wire_steps(int dx, int dy) { return START + dx + dy; }

struct Arc {
    int source, connection;  // the connection is -1 where the way is fixed: no wire
    int delay;               // through the cell, ps
};
struct Connection {
    int from, to;  // cells
};

class Paths {
public:
    std::vector<Connection> connections;
    std::vector<int> delays;  // of connections, ps: to be set before analyse()
    std::vector<float> pull;  // of a connection: how many paths press, each by at most 1
    int longest = 0;             // ps
    float sharpness = 2;         // how far the longest paths press more than those behind them

    void read_graph(FILE* file) {
        int node_count;
        read(file, &node_count);
        for (int node = 0, count; node < node_count; node++) {
            int cell, start;
            read(file, &cell, &start, &count);
            cell_of.push_back(cell);
            start_of.push_back(start);
            for (Arc arc; count > 0; count--) {
                int wired;
                read(file, &arc.source, &arc.delay, &wired);
                arc.connection = wired - 1;
                arcs.push_back(arc);
            }
            first_arc.push_back(int(arcs.size()));
        }
        number_connections();
        delays.assign(connections.size(), 0);
        sort_nodes();
    }

    // The connection from an output (a node) to a cell; -1 where none is on any path.
    int connection(int node, int cell) const {
        auto found = numbers.find(key(node, cell));
        return found == numbers.end() ? -1 : found->second;
    }

    // Of each connection the longest path over it, in ps, as of the last analyse().
    std::vector<int> longest_over() const {
        std::vector<int> found(connections.size(), 0);
        for (int node : order)
            for (int i = first_arc[node]; i < first_arc[node + 1]; i++)
                if (int number = arcs[i].connection; number >= 0)
                    found[number] = std::max(found[number], path(arcs[i], node));
        return found;
    }

    // Brings `longest` and `pull` up to date with the delays.
    //
    // A path presses by a power (`sharpness`) of its urgency, which is 1 for the longest and 0 for
    // one of RELAXED of that. Every node hands on to those before it what presses on it from
    // behind, in shares by their urgency: so the wire to a cell that many late cells read is
    // pulled as strongly as all the wires from there together.
    void analyse() {
        arrival.assign(cell_of.size(), 0);
        tail.assign(cell_of.size(), 0);
        longest = 1;
        for (int node : order) {
            int latest = start_of[node];
            for (int i = first_arc[node]; i < first_arc[node + 1]; i++)
                latest = std::max(latest, arrival[arcs[i].source] + length(arcs[i]));
            arrival[node] = latest;
            longest = std::max(longest, latest);
        }
        for (size_t i = order.size(); i-- > 0;) {
            int node = order[i];
            for (int j = first_arc[node]; j < first_arc[node + 1]; j++) {
                int& before = tail[arcs[j].source];
                before = std::max(before, length(arcs[j]) + tail[node]);
            }
        }
        pull.assign(connections.size(), 0);
        pressed.assign(cell_of.size(), 0);
        for (size_t i = order.size(); i-- > 0;) {
            int node = order[i];
            if (!tail[node]) pressed[node] += pressure(arrival[node]);
            if (!pressed[node]) continue;
            float sum = 0;
            for (int j = first_arc[node]; j < first_arc[node + 1]; j++)
                sum += pressure(path(arcs[j], node));
            for (int j = first_arc[node]; sum > 0 && j < first_arc[node + 1]; j++) {
                float share = pressed[node] * pressure(path(arcs[j], node)) / sum;
                pressed[arcs[j].source] += share;
                if (arcs[j].connection >= 0) pull[arcs[j].connection] += share;
            }
        }
    }

private:
    static constexpr float RELAXED = 0.6f;  // of the longest path: what is shorter does not press
    std::vector<int> cell_of, start_of, first_arc{0}, order, arrival, tail;
    std::vector<float> pressed;  // on a node
    std::vector<Arc> arcs;
    std::unordered_map<uint64_t, int> numbers;  // of connections

    static uint64_t key(int node, int cell) { return uint64_t(node) << 32 | uint32_t(cell); }

    int length(const Arc& arc) const {
        return arc.delay + (arc.connection < 0 ? 0 : delays[arc.connection]);
    }

    // The longest path over an arc.
    int path(const Arc& arc, int node) const {
        return arrival[arc.source] + length(arc) + tail[node];
    }
    float pressure(int ps) const {
        float urgency = std::max(0.0f, (float(ps) / longest - RELAXED) / (1 - RELAXED));
        return std::pow(urgency, sharpness);
    }

    void number_connections() {
        for (size_t node = 0; node < cell_of.size(); node++)
            for (int i = first_arc[node]; i < first_arc[node + 1]; i++) {
                if (arcs[i].connection < 0) continue;
                auto [found, added] = numbers.try_emplace(key(arcs[i].source, cell_of[node]),
                                                          int(connections.size()));
                if (added) connections.push_back({cell_of[arcs[i].source], cell_of[node]});
                arcs[i].connection = found->second;
            }
    }

    // Sources before those that read them; nodes in a loop are left out.
    void sort_nodes() {
        size_t count = cell_of.size();
        std::vector<int> missing(count);
        Lists sources;
        for (size_t node = 0; node < count; node++) {
            missing[node] = first_arc[node + 1] - first_arc[node];
            for (int i = first_arc[node]; i < first_arc[node + 1]; i++)
                sources.items.push_back(arcs[i].source);
            sources.end_list();
            if (!missing[node]) order.push_back(int(node));
        }
        Lists readers = inverse(sources, int(count));
        for (size_t i = 0; i < order.size(); i++)
            for (const int* reader = readers.begin(order[i]); reader != readers.end(order[i]);
                 reader++)
                if (!--missing[*reader]) order.push_back(*reader);
    }
};
