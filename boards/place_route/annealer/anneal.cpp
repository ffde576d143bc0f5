// Improves a legal placement on ECP5 by simulated annealing with moves that keep it legal.
//
//     anneal IN OUT MOVES TEMPERATURE DENSITY URGENT SEED
//
// boards/place_route/anneal.py writes IN and reads OUT, and says what is exchanged; price.h says what it costs. Nothing depends on the clock
// of the computer: the same input gives the same output.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "moves.h"
#include "placement.h"
#include "price.h"
#include "timing.h"

constexpr double COLD = 0.02;         // last temperature, of the first
constexpr int URGENT_PERCENT = 10;    // of the moves
constexpr uint64_t REPORT = 1 << 22;  // moves
constexpr uint64_t ANALYSES = 1000;   // of the paths, in all
constexpr double WARM = 0.97;         // of the moves; then only what is better is done
constexpr double LATE = 0.5;          // of the moves: from here on long paths count more and more
constexpr int OFTENER = 4;            // are paths looked at in the cold, where prices need not wait

static void report(const char* head, long wire_length, int longest) {
    const Directions& crowds = price.crowds;
    std::printf("%swire length %ld, longest path %.2f ns, crowded %.1f east, %.1f west, %.1f south, "
                "%.1f north\n",
                head, wire_length, longest / 1000.0, crowds.east.crowded(), crowds.west.crowded(),
                crowds.south.crowded(), crowds.north.crowded());
    std::fflush(stdout);
}

// The placement with the shortest longest path of those that were seen in the cold. What no path
// presses on may be moved far between two looks, and the last look is not the best one.
class Best {
public:
    long wire_length = 0;
    int longest = 0;

    void look() {
        if (!cells_.empty() && timing.longest > longest) return;  // of equal ones the last
        longest = timing.longest, wire_length = price.wire_length();
        cells_ = cells, spots_ = spots, tiles_ = tiles;
    }
    void take() { cells = cells_, spots = spots_, tiles = tiles_; }

private:
    std::vector<Cell> cells_;
    std::vector<Spot> spots_;
    std::vector<Tile> tiles_;
};

int main(int count, char** arguments) {
    if (count != 8) return 2;
    uint64_t moves = std::strtoull(arguments[3], nullptr, 10);
    double first = std::atof(arguments[4]), urgent = std::atof(arguments[6]);
    state = 88172645463325252ull ^ (std::strtoull(arguments[7], nullptr, 10) * 0x9E3779B97F4A7C15ull);
    FILE* file = std::fopen(arguments[1], "r");
    if (!file) return 2;
    read_placement(file);
    timing.read_graph(file);
    std::fclose(file);
    if (!placement_is_legal()) return 3;
    price.start(std::atof(arguments[5]), urgent);
    report("", price.wire_length(), timing.longest);
    const uint64_t analyse = std::max<uint64_t>(moves / ANALYSES, 1);
    double temperature = first, late = 0;
    int range = 0;
    Best best;
    for (uint64_t move = 0; move < moves; move++) {
        if (move % 4096 == 0) {
            double part = double(move) / moves;
            temperature = part > WARM ? 0 : first * std::pow(COLD, part);
            late = std::clamp((part - LATE) / (WARM - LATE), 0.0, 1.0);
            range = std::max(3, int(30 * std::pow(0.1, part)));
        }
        const uint64_t pause = temperature > 0 ? analyse : std::max<uint64_t>(analyse / OFTENER, 1);
        if (move % pause == pause - 1) {
            price.look_at_crowding();
            price.look_at_timing(late);
            if (temperature == 0) best.look();
        }
        if (move % REPORT == 0) {
            char head[80];
            std::snprintf(head, sizeof head, "%3.0f %%, temperature %.3f, ", 100.0 * move / moves,
                          temperature);
            report(head, price.wire_length(), timing.longest);
        }
        one_move(temperature, range, urgent > 0 ? URGENT_PERCENT : 0);
    }
    price.look_at_timing(late);
    best.look();
    report("last look: ", price.wire_length(), timing.longest);
    best.take();
    report("", best.wire_length, best.longest);
    return write_placement(arguments[2]) ? 0 : 2;
}
