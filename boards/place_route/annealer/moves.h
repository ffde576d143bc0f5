// Moves: what exchanges its place with what, so that what is legal stays so.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "placement.h"
#include "price.h"

constexpr int FEW_PINS = 40;     // nets with more of them draw no cell
constexpr int LONGEST_RUN = 8;   // tiles of a carry chain
constexpr int SITE_CHOICE = 98;  // of 100 moves: from here on one of a block RAM or multiplier

inline uint64_t state;
inline uint32_t random_bits() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state >> 11;
}
inline int random_below(int limit) { return (uint64_t(random_bits()) * limit) >> 32; }
inline double random_share() { return random_bits() / 4294967296.0; }

inline bool accepted(double temperature) {
    double worse = price.change();
    return worse <= 0 || (temperature > 0 && random_share() < std::exp(-worse / temperature));
}

// Lets a tile's cells be where the tile says.
inline void settle(const Tile& tile, int index) {
    if (index >= 0) price.move(index, tile.x, tile.y);
}
inline void settle(const Tile& tile) {
    for (int index : tile.lut) settle(tile, index);
    for (int index : tile.flip_flop) settle(tile, index);
    settle(tile, tile.writer);
}

inline void exchange(Tile& a, Tile& b) {
    std::swap(a.lut, b.lut);
    std::swap(a.flip_flop, b.flip_flop);
    std::swap(a.writer, b.writer);
    std::swap(a.linked, b.linked);
}

// Exchanges the carry chains through a tile (or the tile alone) with as many tiles elsewhere.
inline bool exchange_runs(const Tile& tile, int x, int y, double temperature) {
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
    price.take_back();
    for (int i = 0; i < length; i++)
        exchange(tiles[tile_of(start + i, row)], tiles[tile_of(x + i, y)]);
    return false;
}

// Whether what stands at a position may leave it: its LUT, its flip-flop or both.
inline bool may_leave(const Tile& tile, int position, bool lut, bool flip_flop) {
    auto stays = [&](int at) { return tile.lut[at] >= 0 && cells[tile.lut[at]].kind == STAYS; };
    if (tile.writer >= 0 && (position < 6)) {
        if (lut || position >= 4) return false;
    }
    if (lut && (stays(position) || stays(position ^ 1))) return false;
    int index = tile.flip_flop[position];
    return index < 0 || !cells[index].bound || lut == flip_flop;
}

inline bool wire_is_shared(const Tile& tile, int position) {
    int lut = tile.lut[position], flip_flop = tile.flip_flop[position];
    return lut >= 0 && flip_flop >= 0 && cells[lut].bound && !cells[flip_flop].bound;
}

// Exchanges positions (a slice: two of them) between two tiles.
inline bool exchange_positions(Tile& a, Tile& b, int at_a, int at_b, int count, bool lut,
                               bool flip_flop, double temperature) {
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
    swap_all();
    bool shared = false;
    for (int i = 0; i < count; i++)
        shared |= wire_is_shared(a, at_a + i) || wire_is_shared(b, at_b + i);
    if (shared || !slice_is_legal(a, at_a) || !slice_is_legal(b, at_b) || !resets_are_legal(a) ||
        !resets_are_legal(b)) {
        swap_all();
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (lut) settle(a, a.lut[at_a + i]), settle(b, b.lut[at_b + i]);
        if (flip_flop) settle(a, a.flip_flop[at_a + i]), settle(b, b.flip_flop[at_b + i]);
    }
    if (accepted(temperature)) return true;
    price.take_back();
    swap_all();
    return false;
}

inline bool exchange_sites(int index_a, int index_b, double temperature) {
    Cell &a = cells[index_a], &b = cells[index_b];
    Spot at_a = spots[index_a], at_b = spots[index_b];
    price.move(index_a, at_b.x, at_b.y);
    price.move(index_b, at_a.x, at_a.y);
    if (accepted(2 * temperature)) {
        std::swap(a.position, b.position);
        return true;
    }
    price.take_back();
    return false;
}

inline int some_sited(int kind) { return sited[kind][random_below(sited[kind].size())]; }

// Moves a cell to about (x, y), alone or with what must stay with it.
inline bool move_near(int tile, int position, int choice, int x, int y, int around,
                      double temperature) {
    x += random_below(2 * around + 1) - around;
    y += random_below(2 * around + 1) - around;
    int other = tile_of(x, y);
    if (other < 0 || other == tile) return false;
    Tile &a = tiles[tile], &b = tiles[other];
    if (choice < 12) return exchange_runs(a, x, y, temperature);
    int at_a = position >= 0 ? position : random_below(POSITIONS), at_b = random_below(POSITIONS);
    if (choice < 45)
        return exchange_positions(a, b, at_a & ~1, at_b & ~1, 2, true, true, temperature);
    bool lut = choice < 80, flip_flop = !lut || random_below(3);
    return exchange_positions(a, b, at_a, at_b, 1, lut, flip_flop, temperature);
}

// Moves one end of an urgent connection towards the other.
inline bool move_urgent(double temperature) {
    int number = price.some_urgent(random_bits(), random_bits());
    if (number < 0) return false;
    auto [cell, goal] = timing.connections[number];
    if (random_below(2)) std::swap(cell, goal);
    const Cell& what = cells[cell];
    Spot from = spots[cell], to = spots[goal];
    if (has_site(what)) {
        int other = some_sited(what.kind);
        auto distance = [&](int index) {
            return std::abs(spots[index].x - to.x) + std::abs(spots[index].y - to.y);
        };
        return distance(other) < distance(cell) && exchange_sites(cell, other, temperature);
    }
    if (!in_tile(what)) return false;
    int tile = tile_of(from.x, from.y), part = 1 + random_below(4);  // quarters of the way
    int x = from.x + (to.x - from.x) * part / 4, y = from.y + (to.y - from.y) * part / 4;
    const Tile& home = tiles[tile];
    const auto& row = what.kind == FLIP_FLOP ? home.flip_flop : home.lut;
    int position = int(std::find(row.begin(), row.end(), cell) - row.begin());
    bool whole = position == POSITIONS || home.writer >= 0 || what.kind == STAYS ||
                 (home.lut[position] >= 0 && cells[home.lut[position]].kind == STAYS &&
                  what.kind == FLIP_FLOP && what.bound);
    int choice = whole ? 0 : what.kind == FLIP_FLOP && !what.bound ? 90 : 60;
    return move_near(tile, position, choice, x, y, 2, temperature);
}

inline bool one_move(double temperature, int range, int urgent_percent) {
    price.begin_move();
    int choice = random_below(100);
    if (choice < urgent_percent) return move_urgent(temperature);
    choice = random_below(100);
    if (choice >= SITE_CHOICE) {
        int kind = choice == 99 ? BLOCK_RAM : MULTIPLIER;
        if (!sited[kind].empty())
            return exchange_sites(some_sited(kind), some_sited(kind), temperature);
    }
    int index = random_below(tiles.size());
    const Tile& a = tiles[index];
    int x = a.x, y = a.y, around = range, picked = -1;
    if (random_below(2)) {  // towards the middle of a net that a cell of this tile is in
        int position = random_below(POSITIONS);
        int cell = random_below(2) ? a.lut[position] : a.flip_flop[position];
        if (cell >= 0 && nets_of.size(cell)) {
            int net = nets_of.begin(cell)[random_below(nets_of.size(cell))];
            if (cells_of.size(net) < FEW_PINS) {
                Box box = price.box(net);
                x = (box.left + box.right) / 2;
                y = (box.low + box.high) / 2;
                around = std::min(range, 3);
                picked = position;
            }
        }
    }
    return move_near(index, picked, choice, x, y, around, temperature);
}
