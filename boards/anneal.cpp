// Improves a legal placement on ECP5 by simulated annealing with moves that keep it legal.
//
//     anneal IN OUT MOVES TEMPERATURE DENSITY SEED
//
// boards/anneal.py writes IN and reads OUT, and says what is exchanged. The cost is the wire length
// (half of every net's bounding box) and how unevenly pins are spread: where there are many of them
// the router finds no way. Nothing depends on the clock: the same input gives the same output.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

enum Kind { LUT, STAYS, FLIP_FLOP, FIXED, RAM_WRITER, BLOCK_RAM };

constexpr int POSITIONS = 8;       // of a logic tile: LUT and flip-flop each; two make a slice
constexpr int BIN = 4;             // tiles along the side of a square in which pins are counted
constexpr int FEW_PINS = 40;       // nets with more of them draw no cell
constexpr int LONGEST_RUN = 8;     // tiles of a carry chain
constexpr double LONG_WIRES = 0.005;  // a wire of 100 tiles costs half as much again: it is slow
constexpr double COLD = 0.02;      // last temperature, of the first
constexpr uint64_t REPORT = 1 << 22;

struct Cell {
    int kind, x, y;
    int position;  // in the tile; of a block RAM: the number of its site
    int bound;    // a flip-flop that takes its data from the LUT at its position; a LUT whose
                  // multiplexer takes the wire that another flip-flop would take there
    int control;  // flip-flops of a slice share clock, enable and reset
    int reset;    // those of a tile share the reset, or have none, all of them: 0
    std::vector<int> nets;
};

struct Tile {
    int x, y;
    std::array<int, POSITIONS> lut, flip_flop;
    int writer = -1;      // of the LUT RAM in this tile
    bool linked = false;  // a carry chain goes on to the right
};

// One direction of a net's bounding box, with the pins on every line.
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

struct Net {
    Span x, y;
    int pins = 0;
    double weight = 1;
    double cost() const {
        double length = x.length() + y.length();
        return weight * length * (1 + LONG_WIRES * length);
    }
};

struct Moved {
    int cell, x, y;
};

int width, height;
std::vector<Cell> cells;
std::vector<Tile> tiles;
std::vector<int> tile_at;
std::vector<Net> nets;
std::vector<int> block_rams;

// Pins per square, and the price of their square.
std::vector<double> square_pins, square_price;
double density_cost = 0;

// What the move at hand has changed.
std::vector<int> stamp;
int move_number = 0;
std::vector<std::pair<int, double>> costs_before;
std::vector<Moved> moved;
double density_before = 0;

uint64_t state;
uint32_t random_bits() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state >> 11;
}
int random_below(int limit) { return (uint64_t(random_bits()) * limit) >> 32; }
double random_share() { return random_bits() / 4294967296.0; }

int tile_of(int x, int y) {
    return x < 0 || y < 0 || x >= width || y >= height ? -1 : tile_at[x * height + y];
}
int square_of(int x, int y) { return (x / BIN) * (height / BIN + 1) + y / BIN; }

void add_pins(int square, double count) {
    double& pins = square_pins[square];
    density_cost -= square_price[square] * pins * pins;
    pins += count;
    density_cost += square_price[square] * pins * pins;
}

void put(int index, int x, int y) {
    Cell& cell = cells[index];
    if (cell.x == x && cell.y == y) return;
    for (int number : cell.nets) {
        Net& net = nets[number];
        if (stamp[number] != move_number) {
            stamp[number] = move_number;
            costs_before.push_back({number, net.cost()});
        }
        if (cell.x != x) net.x.add(x), net.x.remove(cell.x);
        if (cell.y != y) net.y.add(y), net.y.remove(cell.y);
    }
    int from = square_of(cell.x, cell.y), to = square_of(x, y);
    if (from != to && cell.kind != BLOCK_RAM) {
        add_pins(from, -double(cell.nets.size()));
        add_pins(to, cell.nets.size());
    }
    cell.x = x;
    cell.y = y;
}

// Lets a tile's cells be where the tile says.
void settle(const Tile& tile, int index) {
    if (index < 0) return;
    moved.push_back({index, cells[index].x, cells[index].y});
    put(index, tile.x, tile.y);
}
void settle(const Tile& tile) {
    for (int index : tile.lut) settle(tile, index);
    for (int index : tile.flip_flop) settle(tile, index);
    settle(tile, tile.writer);
}

void begin_move() {
    move_number++;
    costs_before.clear();
    moved.clear();
    density_before = density_cost;
}
double change() {
    double sum = density_cost - density_before;
    for (auto& [net, before] : costs_before) sum += nets[net].cost() - before;
    return sum;
}
bool accepted(double temperature) {
    double worse = change();
    return worse <= 0 || (temperature > 0 && random_share() < std::exp(-worse / temperature));
}
void take_back() {
    for (auto& move : moved) put(move.cell, move.x, move.y);
    density_cost = density_before;
}

void exchange(Tile& a, Tile& b) {
    std::swap(a.lut, b.lut);
    std::swap(a.flip_flop, b.flip_flop);
    std::swap(a.writer, b.writer);
    std::swap(a.linked, b.linked);
}

// Exchanges the carry chains through a tile (or the tile alone) with as many tiles elsewhere.
bool exchange_runs(const Tile& tile, int x, int y, double temperature) {
    int start = tile.x, length = 1;
    for (int left; (left = tile_of(start - 1, tile.y)) >= 0 && tiles[left].linked;) start--;
    while (tiles[tile_of(start + length - 1, tile.y)].linked) length++;
    if (length > LONGEST_RUN || (y == tile.y && std::abs(x - start) < length)) return false;
    int before = tile_of(x - 1, y), row = tile.y;
    if (before >= 0 && tiles[before].linked) return false;
    for (int i = 0; i < length; i++)
        if (tile_of(x + i, y) < 0) return false;
    if (tiles[tile_of(x + length - 1, y)].linked) return false;
    for (int i = 0; i < length; i++) {
        Tile& a = tiles[tile_of(start + i, row)];
        Tile& b = tiles[tile_of(x + i, y)];
        exchange(a, b);
        settle(a);
        settle(b);
    }
    if (accepted(4 * temperature)) return true;  // many cells at once: a move is worth more
    take_back();
    for (int i = 0; i < length; i++)
        exchange(tiles[tile_of(start + i, row)], tiles[tile_of(x + i, y)]);
    return false;
}

bool slice_is_legal(const Tile& tile, int position) {
    int a = tile.flip_flop[position & ~1], b = tile.flip_flop[position | 1];
    return a < 0 || b < 0 || cells[a].control == cells[b].control;
}
bool resets_are_legal(const Tile& tile) {
    int first = -1;
    for (int index : tile.flip_flop) {
        if (index < 0) continue;
        if (first < 0) first = index;
        if (cells[index].reset != cells[first].reset) return false;
    }
    return true;
}

// Whether what stands at a position may leave it: its LUT, its flip-flop or both.
bool may_leave(const Tile& tile, int position, bool lut, bool flip_flop) {
    auto stays = [&](int at) { return tile.lut[at] >= 0 && cells[tile.lut[at]].kind == STAYS; };
    if (tile.writer >= 0 && (position < 6)) {
        if (lut || position >= 4) return false;
    }
    if (lut && (stays(position) || stays(position ^ 1))) return false;
    int index = tile.flip_flop[position];
    return index < 0 || !cells[index].bound || lut == flip_flop;
}

bool wire_is_shared(const Tile& tile, int position) {
    int lut = tile.lut[position], flip_flop = tile.flip_flop[position];
    return lut >= 0 && flip_flop >= 0 && cells[lut].bound && !cells[flip_flop].bound;
}

// Exchanges positions (a slice: two of them) between two tiles.
bool exchange_positions(Tile& a, Tile& b, int at_a, int at_b, int count, bool lut, bool flip_flop,
                        double temperature) {
    bool any = false;
    for (int i = 0; i < count; i++) {
        if (!may_leave(a, at_a + i, lut, flip_flop) || !may_leave(b, at_b + i, lut, flip_flop))
            return false;
        int ff_a = a.flip_flop[at_a + i], ff_b = b.flip_flop[at_b + i];
        any |= lut && (a.lut[at_a + i] >= 0 || b.lut[at_b + i] >= 0);
        any |= flip_flop && (ff_a >= 0 || ff_b >= 0);
        // LUT RAM shares the tile's resets.
        int reset_a = ff_a >= 0 ? cells[ff_a].reset : 0, reset_b = ff_b >= 0 ? cells[ff_b].reset : 0;
        if (flip_flop && (a.writer >= 0 || b.writer >= 0) && reset_a != reset_b) return false;
    }
    if (!any) return false;
    auto swap_all = [&] {
        for (int i = 0; i < count; i++) {
            if (lut) std::swap(a.lut[at_a + i], b.lut[at_b + i]);
            if (flip_flop) std::swap(a.flip_flop[at_a + i], b.flip_flop[at_b + i]);
        }
    };
    auto settle_all = [&] {
        for (int i = 0; i < count; i++) {
            settle(a, a.lut[at_a + i]);
            settle(b, b.lut[at_b + i]);
            settle(a, a.flip_flop[at_a + i]);
            settle(b, b.flip_flop[at_b + i]);
        }
    };
    swap_all();
    bool shared = false;
    for (int i = 0; i < count; i++)
        shared |= wire_is_shared(a, at_a + i) || wire_is_shared(b, at_b + i);
    if (shared || !slice_is_legal(a, at_a) || !slice_is_legal(b, at_b) || !resets_are_legal(a) ||
        !resets_are_legal(b)) {
        swap_all();
        return false;
    }
    settle_all();
    if (accepted(temperature)) return true;
    take_back();
    swap_all();
    return false;
}

bool exchange_block_rams(double temperature) {
    int index_a = block_rams[random_below(block_rams.size())];
    int index_b = block_rams[random_below(block_rams.size())];
    Cell &a = cells[index_a], &b = cells[index_b];
    moved.push_back({index_a, a.x, a.y});
    moved.push_back({index_b, b.x, b.y});
    put(index_a, moved[1].x, moved[1].y);
    put(index_b, moved[0].x, moved[0].y);
    if (accepted(2 * temperature)) {
        std::swap(a.position, b.position);
        return true;
    }
    take_back();
    return false;
}

bool one_move(double temperature, int range) {
    int index = random_below(tiles.size());
    Tile& a = tiles[index];
    int x = a.x, y = a.y, around = range, picked = -1;
    if (random_below(2)) {  // towards the middle of a net that a cell of this tile is in
        int position = random_below(POSITIONS);
        int cell = random_below(2) ? a.lut[position] : a.flip_flop[position];
        if (cell >= 0 && !cells[cell].nets.empty()) {
            const Net& net = nets[cells[cell].nets[random_below(cells[cell].nets.size())]];
            if (net.pins < FEW_PINS) {
                x = (net.x.low + net.x.high) / 2;
                y = (net.y.low + net.y.high) / 2;
                around = std::min(range, 3);
                picked = position;
            }
        }
    }
    x += random_below(2 * around + 1) - around;
    y += random_below(2 * around + 1) - around;
    int other = tile_of(x, y);
    if (other < 0 || other == index) return false;
    Tile& b = tiles[other];
    begin_move();
    int choice = random_below(100);
    if (choice == 99 && !block_rams.empty()) return exchange_block_rams(temperature);
    if (choice < 12) return exchange_runs(a, x, y, temperature);
    int at_a = picked >= 0 ? picked : random_below(POSITIONS), at_b = random_below(POSITIONS);
    if (choice < 45)
        return exchange_positions(a, b, at_a & ~1, at_b & ~1, 2, true, true, temperature);
    bool lut = choice < 80, flip_flop = !lut || random_below(3);
    return exchange_positions(a, b, at_a, at_b, 1, lut, flip_flop, temperature);
}

template <typename... Values>
void read(FILE* file, Values*... values) {
    for (int* value : {values...})
        if (std::fscanf(file, "%d", value) != 1) std::exit(2);
}

void read_placement(const char* path, double density) {
    FILE* file = std::fopen(path, "r");
    if (!file) std::exit(2);
    int cell_count, net_count, tile_count, link_count;
    read(file, &width, &height, &cell_count, &net_count, &tile_count, &link_count);
    tile_at.assign(width * height, -1);
    tiles.resize(tile_count);
    for (int i = 0; i < tile_count; i++) {
        Tile& tile = tiles[i];
        read(file, &tile.x, &tile.y);
        tile.lut.fill(-1);
        tile.flip_flop.fill(-1);
        tile_at[tile.x * height + tile.y] = i;
    }
    for (int i = 0, x, y; i < link_count; i++) {
        read(file, &x, &y);
        tiles[tile_of(x, y)].linked = true;
    }
    nets.resize(net_count);
    for (Net& net : nets) net.x.pins.assign(width, 0), net.y.pins.assign(height, 0);
    stamp.assign(net_count, 0);
    int squares = (width / BIN + 1) * (height / BIN + 1);
    square_pins.assign(squares, 0);
    square_price.assign(squares, 0);
    cells.resize(cell_count);
    for (int i = 0, count; i < cell_count; i++) {
        Cell& c = cells[i];
        read(file, &c.kind, &c.x, &c.y, &c.position, &c.bound, &c.control, &c.reset, &count);
        c.nets.resize(count);
        for (int& number : c.nets) {
            read(file, &number);
            nets[number].x.add(c.x);
            nets[number].y.add(c.y);
            nets[number].pins++;
        }
        if (c.kind == BLOCK_RAM) block_rams.push_back(i);
        if (c.kind == FIXED || c.kind == BLOCK_RAM) continue;
        square_pins[square_of(c.x, c.y)] += count;
        Tile& tile = tiles[tile_of(c.x, c.y)];
        if (c.kind == FLIP_FLOP) tile.flip_flop[c.position] = i;
        else if (c.kind == RAM_WRITER) tile.writer = i;
        else tile.lut[c.position] = i;
    }
    std::fclose(file);
    // A tree is longer than half of its bounding box.
    for (Net& net : nets) net.weight = 1 + 0.03 * std::clamp(net.pins - 3, 0, 50);
    std::vector<int> size(squares, 0);
    for (const Tile& tile : tiles) size[square_of(tile.x, tile.y)]++;
    for (int i = 0; i < squares; i++) {
        if (size[i]) square_price[i] = density / size[i];
        density_cost += square_price[i] * square_pins[i] * square_pins[i];
    }
}

long wire_length() {
    long sum = 0;
    for (const Net& net : nets) sum += net.x.length() + net.y.length();
    return sum;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 7) return 2;
    uint64_t moves = std::strtoull(arguments[3], nullptr, 10);
    double first = std::atof(arguments[4]);
    state = 88172645463325252ull ^ (std::strtoull(arguments[6], nullptr, 10) * 0x9E3779B97F4A7C15ull);
    read_placement(arguments[1], std::atof(arguments[5]));
    for (const Tile& tile : tiles) {
        bool legal = resets_are_legal(tile);
        for (int position = 0; position < POSITIONS; position += 2)
            legal &= slice_is_legal(tile, position);
        if (!legal) return 3;
    }
    std::printf("wire length %ld\n", wire_length());
    double temperature = first;
    int range = 0;
    for (uint64_t move = 0; move < moves; move++) {
        if (move % 4096 == 0) {
            double part = double(move) / moves;
            temperature = part > 0.97 ? 0 : first * std::pow(COLD, part);
            range = std::max(3, int(30 * std::pow(0.1, part)));
        }
        if (move % REPORT == 0) {
            std::printf("%3.0f %%, temperature %.3f, wire length %ld\n", 100.0 * move / moves,
                        temperature, wire_length());
            std::fflush(stdout);
        }
        one_move(temperature, range);
    }
    std::printf("wire length %ld\n", wire_length());
    for (const Tile& tile : tiles)
        for (int position = 0; position < POSITIONS; position++)
            for (int index : {tile.lut[position], tile.flip_flop[position]})
                if (index >= 0) cells[index].position = position;
    FILE* file = std::fopen(arguments[2], "w");
    if (!file) return 2;
    for (const Cell& cell : cells) std::fprintf(file, "%d %d %d\n", cell.x, cell.y, cell.position);
    return std::fclose(file) ? 2 : 0;
}
