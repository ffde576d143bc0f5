// The wires and switches of a chip, from the database that nextpnr-ecp5 reads (chipdb-85k.bin).
//
// A *tile* is a place of the chip, a *wire* has one tile and one driver at a time, and a *switch*
// (nextpnr calls it a pip) leads from one wire to another. Tiles of one type share their tables, in
// which places are relative. Wires are numbered through, tile by tile.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#pragma pack(push, 1)
template <typename T>
struct Pointer {
    int32_t offset;  // from here, in bytes
    const T* get() const {
        return reinterpret_cast<const T*>(reinterpret_cast<const char*>(this) + offset);
    }
};
template <typename T>
struct Table {
    Pointer<T> items;
    uint32_t count;
    const T* begin() const { return items.get(); }
    const T* end() const { return items.get() + count; }
    const T& operator[](size_t i) const { return items.get()[i]; }
};
struct Away {
    int16_t x, y;
};
struct SwitchData {
    Away source, sink;
    int16_t source_wire, sink_wire, timing;
    int8_t tile_type, kind;
    int16_t permutation, unused;
};
struct SwitchPlace {
    Away tile;
    int32_t number;
};
struct WireData {
    Pointer<char> name;
    int16_t type, drawn_as;
    Table<SwitchPlace> into, from;
    Table<char[12]> pins;
};
struct TileType {
    Table<char> sites;
    Table<WireData> wires;
    Table<SwitchData> switches;
};
struct Delay {
    int32_t least, most, least_each, most_each;  // ps; the latter for each reader of its source
};
struct SpeedGrade {
    Table<char> cells;
    Table<Delay> delays;
};
struct ChipData {
    int32_t width, height, tiles, names;
    Table<TileType> types;
    Table<int32_t> type_of;
    Table<char> clocks;
    Table<char> type_names, packages, pads, tile_names;
    Table<SpeedGrade> grades;
};
#pragma pack(pop)

// A switch: the tile that it is in and its number there.
struct Switch {
    int32_t tile = -1;
    int16_t number = -1;
};

// How a switch from one LUT input to another is marked, and what such an exchange needs.
struct Permutation {
    int16_t mark;
    bool is_one() const { return mark & 0x4000; }
    bool within_pair() const { return (mark >> 3 & 1) == (mark >> 1 & 1); }
    bool same() const { return (mark >> 2 & 3) == (mark & 3); }
};

// What a search asks of a wire, together in memory.
struct Wire {
    float history;  // by how many nets too many it was wanted, over all rounds
    uint16_t nets;  // that are on it
    uint8_t kind;   // see ahead.h
    uint8_t x, y;
};

class Chip {
public:
    int width = 0, height = 0;
    std::vector<Wire> wires_now;

    // False where the file is not there or not such a database.
    bool read(const char* path) {
        FILE* file = std::fopen(path, "rb");
        if (!file) return false;
        std::fseek(file, 0, SEEK_END);
        bytes.resize(std::ftell(file));
        std::rewind(file);
        const bool all = std::fread(bytes.data(), 1, bytes.size(), file) == bytes.size();
        std::fclose(file);
        if (!all || bytes.size() < 1000) return false;
        data = reinterpret_cast<const Pointer<ChipData>*>(bytes.data())->get();
        const char* end = bytes.data() + bytes.size();
        if (reinterpret_cast<const char*>(data + 1) > end) return false;
        width = data->width, height = data->height;
        if (width < 10 || height < 10 || width > 255 || height > 255) return false;
        if (data->tiles != width * height || int(data->type_of.count) != data->tiles) return false;
        if (data->grades.count != GRADES) return false;
        for (int tile = 0; tile < data->tiles; tile++) {
            if (uint32_t(data->type_of[tile]) >= data->types.count) return false;
            first_wire.push_back(int(tile_of_wire.size()));
            tile_of_wire.insert(tile_of_wire.end(), type(tile).wires.count, uint16_t(tile));
            wires_now.insert(wires_now.end(), type(tile).wires.count,
                             {0, 0, 0, uint8_t(tile % width), uint8_t(tile / width)});
        }
        first_wire.push_back(int(tile_of_wire.size()));
        delays = data->grades[0].delays.begin();
        return middle().second < height;
    }

    // A tile of logic in the middle; its row is that below the last where there is none.
    std::pair<int, int> middle() {
        int row = height / 2;
        while (row < height && wire(width / 2, row, "A0_SLICE") < 0) row++;
        return {width / 2, row};
    }

    int wires() const { return int(tile_of_wire.size()); }
    int tile(int wire) const { return tile_of_wire[wire]; }
    int x(int wire) const { return wires_now[wire].x; }
    int y(int wire) const { return wires_now[wire].y; }

    // The wire of this name at a place; -1: there is none.
    int wire(int x, int y, const std::string& name) {
        if (x < 0 || y < 0 || x >= width || y >= height) return -1;
        const int tile = y * width + x, kind = data->type_of[tile];
        auto [found, fresh] = named.try_emplace(kind);
        if (fresh)
            for (size_t i = 0; i < type(tile).wires.count; i++)
                found->second.emplace(type(tile).wires[i].name.get(), int(i));
        auto number = found->second.find(name);
        return number == found->second.end() ? -1 : first_wire[tile] + number->second;
    }

    const WireData& of_wire(int wire) const {
        return type(tile(wire)).wires[wire - first_wire[tile(wire)]];
    }
    const SwitchData& of_switch(Switch s) const { return type(s.tile).switches[s.number]; }
    const Delay& delay(const SwitchData& s) const { return delays[s.timing]; }
    int source(Switch s) const {
        return at(s.tile, of_switch(s).source) + of_switch(s).source_wire;
    }
    int sink(Switch s) const { return at(s.tile, of_switch(s).sink) + of_switch(s).sink_wire; }

    // Calls `each(switch, its data, wire at the other end)` for all switches that lead from a wire.
    template <typename Each>
    void from(int wire, Each each) const {
        walk(wire, of_wire(wire).from, &SwitchData::sink, &SwitchData::sink_wire, each);
    }
    // The same for those that lead into it.
    template <typename Each>
    void into(int wire, Each each) const {
        walk(wire, of_wire(wire).into, &SwitchData::source, &SwitchData::source_wire, each);
    }

    // As nextpnr writes them.
    std::string wire_name(int wire) const { return place(tile(wire)) + of_wire(wire).name.get(); }
    std::string switch_name(Switch s) const {
        const SwitchData& found = of_switch(s);
        return place(s.tile) + end_name(found.source, source(s)) + "->" +
               end_name(found.sink, sink(s));
    }

private:
    static constexpr uint32_t GRADES = 4;
    std::vector<char> bytes;
    const ChipData* data = nullptr;
    const Delay* delays = nullptr;
    std::vector<int> first_wire;  // of a tile
    std::vector<uint16_t> tile_of_wire;
    std::unordered_map<int, std::unordered_map<std::string, int>> named;  // of a type: its wires

    const TileType& type(int tile) const { return data->types[data->type_of[tile]]; }
    int at(int tile, Away away) const { return first_wire[tile + away.y * width + away.x]; }
    template <typename Each>
    void walk(int wire, const Table<SwitchPlace>& places, Away SwitchData::*away,
              int16_t SwitchData::*number, Each& each) const {
        const int here = tile(wire);
        for (const SwitchPlace& place : places) {
            const Switch s{here + place.tile.y * width + place.tile.x, int16_t(place.number)};
            const SwitchData& found = of_switch(s);
            each(s, found, at(s.tile, found.*away) + found.*number);
        }
    }
    std::string place(int tile) const {
        return "X" + std::to_string(tile % width) + "/Y" + std::to_string(tile / width) + "/";
    }
    std::string end_name(Away away, int wire) const {
        return std::to_string(away.x) + "_" + std::to_string(away.y) + "_" +
               of_wire(wire).name.get();
    }
};
