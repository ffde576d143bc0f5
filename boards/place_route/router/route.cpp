// Leads the nets of a placed netlist over the wires of an ECP5.
//
//     route CHIP IN OUT
//
// CHIP is nextpnr's database of the chip; boards/place_route/route.py writes IN and reads OUT. Nets
// may share wires at first; in every round those that do are led anew, at prices that rise until
// no two want the same. Then what is late is led anew, at prices at which it may push others away,
// and so on: OUT is the best that was without conflict. Nothing depends on the clock of the
// computer.

#include <algorithm>
#include <cstdio>
#include <vector>

#include "hurry.h"
#include "nets.h"
#include "search.h"

// Most placements are led best on the first terms. Where wires are scarce these come to no end, or
// far from the longest path by distance.
constexpr Terms TERMS[] = {{1.05f, 1.005f}, {1.15f, 1.008f}};
constexpr float FAR = 1.25f;  // of that path
constexpr int IN_CONFLICT = 4;
constexpr int ROUNDS = 80;       // until nothing is in conflict, or there is no way
constexpr int HALFWAY = 28;      // rounds, after which more than HOPEFUL wires in conflict stay so
constexpr size_t HOPEFUL = 500;  // wires
constexpr int HURRIED = 14;      // first rounds in which late connections are led anew, too
constexpr int PATIENT = 18;      // rounds until what is urgent gives way, too, and the goal is raised
constexpr int POLISHING = 12;    // rounds without conflict that bring no shorter path
constexpr int TRYING = 10;       // rounds of polishing until the goal is raised
constexpr int ATTEMPT = 60;      // rounds of polishing until nothing is in conflict again
constexpr int POLISHED = 150;    // rounds after the first without conflict
constexpr float FIRST_PRESENT = 0.5f, RISE = 1.25f, LATE_RISE = 1.15f, MOST_PRESENT = 1e5f;
// Few conflicts are left then, and rounds are short: it is what conflicts cost in the end, and not a
// price that rises fast, that says who gives way. Otherwise the last ones make detours of 20 ns.
constexpr float POLISH_PRESENT = 20, POLISH_RISE = 1.05f;
constexpr float YIELDING = 0.85f;
constexpr float REMEMBERED = 0.4f;  // of each net too many on a wire, from round to round
constexpr int MARGIN = 6, WIDENED = 2, WIDEST = 20;  // tiles; one more every so many rounds
constexpr int SHOWN = 3;

static Hurry hurry;
static Search search;

// Leads anew what is in conflict, and if so wished what is late. Returns how many connections; -1:
// one has no way.
static int lead_anew(bool all, bool late) {
    int led = 0;
    std::vector<const Sink*> again;
    for (Net& net : nets) {
        again.clear();
        for (const Sink& sink : net.sinks)
            if (all || crosses_others(net, sink) || (late && hurry.is_late(sink)))
                again.push_back(&sink);
        if (!all)  // at once: what is left would draw the others to where they were
            for (const Sink* sink : again) take_up(net, *sink);
        led += int(again.size());
        for (const Sink* sink : again)
            if (!search.lead(net, *sink)) {
                std::printf("ERROR: no wire leads to %s\n", chip.wire_name(sink->wire).c_str());
                return -1;
            }
    }
    return led;
}

// Wires that several nets are on; adds to their prices.
static std::vector<int> conflicts() {
    std::vector<int> found;
    for (int wire = 0; wire < chip.wires(); wire++)
        if (chip.wires_now[wire].nets > 1) {
            found.push_back(wire);
            chip.wires_now[wire].history += REMEMBERED * (chip.wires_now[wire].nets - 1);
        }
    return found;
}

static void give_up(const std::vector<int>& wanted) {
    std::printf("ERROR: %zu wire%s still wanted by two nets:", wanted.size(),
                wanted.size() == 1 ? " is" : "s are");
    for (size_t i = 0; i < wanted.size() && i < SHOWN; i++)
        std::printf(" %s", chip.wire_name(wanted[i]).c_str());
    std::printf("%s; another --seed may place them better\n", wanted.size() > SHOWN ? " ..." : "");
}

// Writes the ways whose longest path is shorter than `reached` ps (0: any), which it then becomes.
// Returns an exit status; `wanted` are the wires that are in conflict at the end.
static int route_on(const Terms& terms, const char* out, int& reached, std::vector<int>& wanted) {
    hurry.start(terms);
    std::printf("%zu nets, longest path %.2f ns by distance\n", nets.size(),
                hurry.by_distance / 1000.0);
    search.present = FIRST_PRESENT;
    wanted.clear();
    int best = 0, first = 0, idle = 0, legal = 0;
    for (int round = 1;; round++) {
        search.most_urgent = !best && round > PATIENT ? YIELDING : MOST_URGENT;
        search.margin = std::min(MARGIN + round / WIDENED, WIDEST);
        const int led = lead_anew(round == 1, round <= HURRIED || wanted.empty());
        if (led < 0) return 3;
        wanted = conflicts();
        hurry.look();
        const int longest = hurry.paths.longest;
        std::printf("round %d: %d connections led, %zu wires in conflict, ", round, led,
                    wanted.size());
        std::printf("longest path %.2f ns, %ld steps\n", longest / 1000.0, search.steps);
        std::fflush(stdout);
        const float rise = best ? POLISH_RISE : round < PATIENT ? RISE : LATE_RISE;
        search.present = std::min(search.present * rise, MOST_PRESENT);
        if (wanted.empty()) {
            if (!first) first = round;
            legal = round;
            idle++;
            if (!best || longest < best) {
                best = longest, idle = 0;
                if (!reached || best < reached) {
                    reached = best;
                    if (!write_ways(out)) return 2;
                }
                hurry.lower_goal();
            }
            search.present = POLISH_PRESENT;
        } else if (!best && (round >= ROUNDS || (round == HALFWAY && wanted.size() > HOPEFUL))) {
            return IN_CONFLICT;
        } else if (round - legal >= (best ? TRYING : PATIENT)) {
            hurry.raise_goal();
        }
        if (!best) continue;
        if (!led || idle >= POLISHING || round - legal > ATTEMPT || round - first > POLISHED) break;
    }
    return 0;
}

static int route(const char* out) {
    search.start();
    int reached = 0;
    std::vector<int> wanted;
    for (const Terms& terms : TERMS) {
        forget_ways();
        const int result = route_on(terms, out, reached, wanted);
        if (result != 0 && result != IN_CONFLICT) return result;
        if (reached && reached < FAR * hurry.by_distance) break;
    }
    if (!reached) {
        give_up(wanted);
        return IN_CONFLICT;
    }
    std::printf("longest path %.2f ns\n", reached / 1000.0);
    return 0;
}

int main(int count, char** arguments) {
    if (count != 4) return 2;
    if (!chip.read(arguments[1])) {
        std::printf("ERROR: %s: not a chip database that is known here\n", arguments[1]);
        return 2;
    }
    FILE* file = std::fopen(arguments[2], "r");
    if (!file) return 2;
    hurry.paths.read_graph(file);
    read_nets(file, hurry.paths);
    std::fclose(file);
    return route(arguments[3]);
}
