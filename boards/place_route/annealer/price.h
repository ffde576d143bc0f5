// What a placement costs, and what the move at hand changes of it.
//
// The price is the wire length (half of every net's bounding box), dearer where many wires lead the
// same way (directions.h), how unevenly pins are spread (where there are many of them the router
// finds no way), and the length of urgent connections.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "directions.h"
#include "placement.h"
#include "timing.h"

constexpr int BIN = 4;       // tiles along the side of a square in which pins are counted
constexpr int SMALL = 16;    // nets of no more cells are measured anew, of others lines are counted
constexpr double ACROSS = 1.13;  // price of a tile across (upwards: what is left of 2): devices are
                                 // wider than high, and as many wires lead across as upwards
constexpr double SHARPEST = 8;   // power of a path's urgency by which it presses, at last
constexpr double DEARER = 10;    // how often the first price what presses costs, at last
constexpr double LONG_WIRES = 0.005;  // a wire of 100 tiles costs half as much again: it is slow

// One direction of a large net's bounding box, with the pins on every line.
struct Span {
    std::vector<uint16_t> pins;
    int low = 0, high = 0;

    int length() const { return high - low; }
    void add(int at) {
        if (!pins[low] && !pins[high]) low = high = at;
        pins[at]++;
        low = std::min(low, at);
        high = std::max(high, at);
    }
    void remove(int at) {
        if (--pins[at]) return;
        while (low < high && !pins[low]) low++;
        while (high > low && !pins[high]) high--;
    }
};

struct Moved {
    int cell, x, y;
};

class Price {
public:
    std::vector<Moved> moved;
    Directions crowds;

    void start(double density, double urgent) {
        first_urgent_price = urgent;
        int net_count = cells_of.count();
        spans.resize(2 * net_count);
        net_stamp.assign(net_count, 0);
        weight.resize(net_count);
        net_cost.resize(net_count);
        for (int net = 0; net < net_count; net++) {
            int pins = cells_of.size(net);
            // A tree is longer than half of its bounding box.
            weight[net] = 1 + 0.03 * std::clamp(pins - 3, 0, 50);
            if (pins > SMALL) {
                spans[2 * net].pins.assign(width, 0);
                spans[2 * net + 1].pins.assign(height, 0);
                for (const int* cell = cells_of.begin(net); cell != cells_of.end(net); cell++) {
                    spans[2 * net].add(spots[*cell].x);
                    spans[2 * net + 1].add(spots[*cell].y);
                }
            }
        }
        crowds.start();
        look_at_crowding();
        int squares = (width / BIN + 1) * (height / BIN + 1);
        square_pins.assign(squares, 0);
        square_price.assign(squares, 0);
        for (size_t i = 0; i < cells.size(); i++)
            if (in_tile(cells[i]))
                square_pins[square_of(spots[i].x, spots[i].y)] += nets_of.size(int(i));
        std::vector<int> size(squares, 0);
        for (const Tile& tile : tiles) size[square_of(tile.x, tile.y)]++;
        for (int i = 0; i < squares; i++) {
            if (size[i]) square_price[i] = density / size[i];
            density_cost += square_price[i] * square_pins[i] * square_pins[i];
        }
        connection_stamp.assign(timing.connections.size(), 0);
        connection_cost.assign(timing.connections.size(), 0);
        pull.assign(timing.connections.size(), 0);
        look_at_timing(0);
    }

    // Counts wires anew, and prices of all nets with them.
    void look_at_crowding() {
        crowds.begin();
        for (int net = 0; net < cells_of.count(); net++)
            if (cells_of.size(net)) crowds.add({box(net), source_of[net]}, weight[net]);
        crowds.end();
        for (int net = 0; net < cells_of.count(); net++) net_cost[net] = price_of(net);
    }

    // Finds out anew which connections are urgent, and how much. From `late` = 0 to 1 it is more
    // and more the longest paths that count, against others and against all wires.
    void look_at_timing(double late) {
        timing.sharpness = float(2 + (SHARPEST - 2) * late);
        urgent_price = first_urgent_price * (1 + (DEARER - 1) * late);
        timing.look();
        urgent.clear();
        Lists ends;
        for (size_t i = 0; i < pull.size(); i++) {
            // Mostly what was: two paths that take turns must not be pulled to and fro.
            pull[i] += (timing.pull[i] - pull[i]) / 4;
            if (pull[i] < LEAST) continue;
            const Connection& connection = timing.connections[i];
            if (connection.from == connection.to) continue;
            urgent.push_back(int(i));
            ends.items.push_back(connection.from);
            ends.items.push_back(connection.to);
            ends.end_list();
            connection_cost[i] = price_of(timing.connections[i], pull[i]);
        }
        urgent_of = inverse(ends, int(cells.size()));
    }

    // Of two connections that are worth shortening, the more urgent one; -1: there is none.
    int some_urgent(uint32_t one, uint32_t two) const {
        if (urgent.empty()) return -1;
        int a = urgent[(uint64_t(one) * urgent.size()) >> 32];
        int b = urgent[(uint64_t(two) * urgent.size()) >> 32];
        return pull[a] < pull[b] ? b : a;
    }

    void begin_move() {
        move_number++;
        nets_before.clear();
        connections_before.clear();
        moved.clear();
        density_before = density_cost;
    }

    void move(int index, int x, int y) {
        moved.push_back({index, spots[index].x, spots[index].y});
        put(index, x, y);
    }

    double change() {
        double sum = density_cost - density_before;
        for (auto& [net, before] : nets_before) sum += (net_cost[net] = price_of(net)) - before;
        for (auto& [number, before] : connections_before) {
            connection_cost[number] = price_of(timing.connections[number], pull[number]);
            sum += connection_cost[number] - before;
        }
        return sum;
    }

    void take_back() {
        for (size_t i = moved.size(); i-- > 0;) put(moved[i].cell, moved[i].x, moved[i].y);
        for (auto& [net, before] : nets_before) net_cost[net] = before;
        for (auto& [number, before] : connections_before) connection_cost[number] = before;
        density_cost = density_before;
    }

    Box box(int net) const {
        if (cells_of.size(net) > SMALL) {
            const Span &x = spans[2 * net], &y = spans[2 * net + 1];
            return {x.low, x.high, y.low, y.high};
        }
        Box box{1 << 20, -1, 1 << 20, -1};
        for (const int* cell = cells_of.begin(net); cell != cells_of.end(net); cell++) {
            int x = spots[*cell].x, y = spots[*cell].y;
            box.left = std::min(box.left, x);
            box.right = std::max(box.right, x);
            box.low = std::min(box.low, y);
            box.high = std::max(box.high, y);
        }
        return box;
    }

    long wire_length() const {
        long sum = 0;
        for (int net = 0; net < cells_of.count(); net++)
            if (cells_of.size(net)) sum += box(net).length();
        return sum;
    }

private:
    static constexpr float LEAST = 0.001f;
    double first_urgent_price = 0, urgent_price = 0;
    std::vector<Span> spans;
    std::vector<double> weight, net_cost, connection_cost, square_pins, square_price;
    std::vector<float> pull;
    std::vector<int> net_stamp, connection_stamp, urgent;
    Lists urgent_of;  // of a cell, as numbers in `urgent`
    std::vector<std::pair<int, double>> nets_before, connections_before;
    double density_cost = 0, density_before = 0;
    int move_number = 0;

    static int square_of(int x, int y) { return (x / BIN) * (height / BIN + 1) + y / BIN; }

    double price_of(int net) const {
        if (!cells_of.size(net)) return 0;
        const Reach reach(box(net), source_of[net]);
        const Box& ends = reach.box;
        const double wide = ACROSS * (ends.right - ends.left);
        const double tall = (2 - ACROSS) * (ends.high - ends.low);
        return weight[net] * (ACROSS * crowds.across(reach) + (2 - ACROSS) * crowds.up(reach)) *
               (1 + LONG_WIRES * (wide + tall));
    }
    double price_of(const Connection& connection, double strength) const {
        return urgent_price * strength * wire_steps(connection);
    }

    void add_pins(int square, double count) {
        double& pins = square_pins[square];
        density_cost -= square_price[square] * pins * pins;
        pins += count;
        density_cost += square_price[square] * pins * pins;
    }

    void put(int index, int x, int y) {
        Spot& spot = spots[index];
        if (spot.x == x && spot.y == y) return;
        for (const int* net = nets_of.begin(index); net != nets_of.end(index); net++) {
            if (net_stamp[*net] != move_number) {
                net_stamp[*net] = move_number;
                nets_before.push_back({*net, net_cost[*net]});
            }
            if (cells_of.size(*net) <= SMALL) continue;
            Span &wide = spans[2 * *net], &tall = spans[2 * *net + 1];
            if (spot.x != x) wide.add(x), wide.remove(spot.x);
            if (spot.y != y) tall.add(y), tall.remove(spot.y);
        }
        for (const int* i = urgent_of.begin(index); i != urgent_of.end(index); i++) {
            int number = urgent[*i];
            if (connection_stamp[number] == move_number) continue;
            connection_stamp[number] = move_number;
            connections_before.push_back({number, connection_cost[number]});
        }
        int from = square_of(spot.x, spot.y), to = square_of(x, y);
        if (from != to && in_tile(cells[index])) {
            add_pins(from, -double(nets_of.size(index)));
            add_pins(to, nets_of.size(index));
        }
        spot = {int16_t(x), int16_t(y)};
    }
};

inline Price price;
