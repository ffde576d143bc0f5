// Improves a legal placement on ECP5 by simulated annealing with moves that keep it legal.
//
//     anneal IN OUT MOVES TEMPERATURE DENSITY URGENT SEED
//
// boards/anneal.py writes IN and reads OUT, and says what is exchanged; price.h says what it costs. Nothing depends on the clock
// of the computer: the same input gives the same output.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "moves.h"
#include "placement.h"
#include "price.h"
#include "timing.h"

constexpr double COLD = 0.02;         // last temperature, of the first
constexpr int URGENT_PERCENT = 10;    // of the moves
constexpr uint64_t REPORT = 1 << 22;  // moves
constexpr uint64_t ANALYSES = 500;    // of the paths, in all

static void report(const char* head) {
    std::printf("%swire length %ld, longest path %.2f ns\n", head, price.wire_length(),
                timing.longest / 1000.0);
    std::fflush(stdout);
}

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
    report("");
    const uint64_t analyse = std::max<uint64_t>(moves / ANALYSES, 1);
    double temperature = first;
    int range = 0;
    for (uint64_t move = 0; move < moves; move++) {
        if (move % 4096 == 0) {
            double part = double(move) / moves;
            temperature = part > 0.97 ? 0 : first * std::pow(COLD, part);
            range = std::max(3, int(30 * std::pow(0.1, part)));
        }
        if (move % analyse == analyse - 1) price.look_at_timing();
        if (move % REPORT == 0) {
            char head[80];
            std::snprintf(head, sizeof head, "%3.0f %%, temperature %.3f, ", 100.0 * move / moves,
                          temperature);
            report(head);
        }
        one_move(temperature, range, urgent > 0 ? URGENT_PERCENT : 0);
    }
    price.look_at_timing();
    report("");
    return write_placement(arguments[2]) ? 0 : 2;
}
