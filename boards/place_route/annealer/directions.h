// Where wires are crowded, for each direction that they lead in.
//
// A wire of this chip leads one way: as many lead east as west, and none can be turned round. Sums
// flow along carry chains, which all lead east, so wires that lead east run out first.
#pragma once

#include "crowding.h"
#include "placement.h"

// A net's bounding box, and where in it its wires start: at what drives it.
struct Reach {
    Box box;
    int x, y;

    Reach(const Box& box, int source) : box(box) {
        x = source < 0 ? (box.left + box.right) / 2 : spots[source].x;
        y = source < 0 ? (box.low + box.high) / 2 : spots[source].y;
    }
    Box to_east() const { return {x, box.right, box.low, box.high}; }
    Box to_west() const { return {box.left, x, box.low, box.high}; }
    Box to_south() const { return {box.left, box.right, y, box.high}; }  // rows count from the north
    Box to_north() const { return {box.left, box.right, box.low, y}; }
    int tiles_east() const { return box.right - x; }
    int tiles_west() const { return x - box.left; }
    int tiles_south() const { return box.high - y; }
    int tiles_north() const { return y - box.low; }
};

class Directions {
public:
    Crowding east, west, south, north;

    void start() {
        for (Crowding* way : {&east, &west, &south, &north}) way->start();
    }
    // `begin`, `add` for every net and `end` count anew.
    void begin() {
        for (Crowding* way : {&east, &west, &south, &north}) way->begin();
    }
    void add(const Reach& net, double weight) {
        east.add(net.to_east(), weight * net.tiles_east());
        west.add(net.to_west(), weight * net.tiles_west());
        south.add(net.to_south(), weight * net.tiles_south());
        north.add(net.to_north(), weight * net.tiles_north());
    }
    void end() {
        for (Crowding* way : {&east, &west, &south, &north}) way->end();
    }

    // What a net's tiles across cost, and those upwards and downwards.
    double across(const Reach& net) const {
        return price(east, net.to_east(), net.tiles_east()) +
               price(west, net.to_west(), net.tiles_west());
    }
    double up(const Reach& net) const {
        return price(south, net.to_south(), net.tiles_south()) +
               price(north, net.to_north(), net.tiles_north());
    }

private:
    static double price(const Crowding& way, const Box& box, int tiles) {
        return tiles ? tiles * way.mean(box) : 0;
    }
};
