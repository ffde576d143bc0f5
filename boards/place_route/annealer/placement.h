// What stands where: cells, tiles and their rules. Nothing here knows about prices.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "../paths/lists.h"

enum Kind { LUT, STAYS, FLIP_FLOP, FIXED, RAM_WRITER, BLOCK_RAM, MULTIPLIER, KINDS };

constexpr int POSITIONS = 8;  // of a logic tile: LUT and flip-flop each; two make a slice

// Where a cell is: apart from the rest, so that all of them are close together in memory.
struct Spot {
    int16_t x, y;
};
struct Cell {
    int kind;
    int position;  // in the tile; of a block RAM or multiplier: the number of its site
    int bound;     // a flip-flop that takes its data from the LUT at its position; a LUT whose
                   // multiplexer takes the wire that another flip-flop would take there
    int control;   // flip-flops of a slice share clock, enable and reset
    int reset;     // those of a tile share clock and reset; 0: the usual clock, and none
};

struct Tile {
    int x, y;
    std::array<int, POSITIONS> lut, flip_flop;
    int writer = -1;      // of the LUT RAM in this tile
    bool linked = false;  // a carry chain goes on to the right
};

inline int width, height;
inline std::vector<Cell> cells;
inline std::vector<Spot> spots;
inline std::vector<Tile> tiles;
inline std::vector<int> tile_at;
inline std::array<std::vector<int>, KINDS> sited;  // of a kind: its cells, and free sites
inline Lists nets_of;   // of a cell
inline Lists cells_of;  // of a net
inline std::vector<int> source_of;  // of a net: the cell that drives it; -1: none of these

inline int tile_of(int x, int y) {
    return x < 0 || y < 0 || x >= width || y >= height ? -1 : tile_at[x * height + y];
}

inline bool has_site(const Cell& cell) { return cell.kind == BLOCK_RAM || cell.kind == MULTIPLIER; }

inline bool in_tile(const Cell& cell) { return cell.kind != FIXED && !has_site(cell); }

inline bool slice_is_legal(const Tile& tile, int position) {
    int a = tile.flip_flop[position & ~1], b = tile.flip_flop[position | 1];
    return a < 0 || b < 0 || cells[a].control == cells[b].control;
}

inline bool resets_are_legal(const Tile& tile) {
    int first = -1;
    for (int index : tile.flip_flop) {
        if (index < 0) continue;
        if (first < 0) first = index;
        if (cells[index].reset != cells[first].reset) return false;
    }
    return true;
}

inline bool placement_is_legal() {
    for (const Tile& tile : tiles) {
        if (!resets_are_legal(tile)) return false;
        for (int position = 0; position < POSITIONS; position += 2)
            if (!slice_is_legal(tile, position)) return false;
    }
    return true;
}

inline void read_placement(FILE* file) {
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
    cells.resize(cell_count);
    spots.resize(cell_count);
    source_of.assign(net_count, -1);
    for (int i = 0, x, y, driven, count; i < cell_count; i++) {
        Cell& c = cells[i];
        read(file, &c.kind, &x, &y, &c.position, &c.bound, &c.control, &c.reset, &driven, &count);
        spots[i] = {int16_t(x), int16_t(y)};
        for (int number; count > 0; count--) {
            read(file, &number);
            if (driven-- > 0) source_of[number] = i;
            nets_of.items.push_back(number);
        }
        nets_of.end_list();
        if (has_site(c)) sited[c.kind].push_back(i);
        if (!in_tile(c)) continue;
        Tile& tile = tiles[tile_of(x, y)];
        if (c.kind == FLIP_FLOP) tile.flip_flop[c.position] = i;
        else if (c.kind == RAM_WRITER) tile.writer = i;
        else tile.lut[c.position] = i;
    }
    cells_of = inverse(nets_of, net_count);
}

inline bool write_placement(const char* path) {
    for (const Tile& tile : tiles)
        for (int position = 0; position < POSITIONS; position++)
            for (int index : {tile.lut[position], tile.flip_flop[position]})
                if (index >= 0) cells[index].position = position;
    FILE* file = std::fopen(path, "w");
    if (!file) return false;
    for (size_t i = 0; i < cells.size(); i++)
        std::fprintf(file, "%d %d %d\n", spots[i].x, spots[i].y, cells[i].position);
    return std::fclose(file) == 0;
}
