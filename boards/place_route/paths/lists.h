// Lists of numbers, and how numbers are read from a file.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <vector>

// Lists of numbers, one after the other.
struct Lists {
    std::vector<int> start{0}, items;

    const int* begin(int list) const { return items.data() + start[list]; }
    const int* end(int list) const { return items.data() + start[list + 1]; }
    int size(int list) const { return start[list + 1] - start[list]; }
    int count() const { return int(start.size()) - 1; }
    void end_list() { start.push_back(int(items.size())); }
};

// For every number below `limit`, the lists that it is in.
inline Lists inverse(const Lists& lists, int limit) {
    Lists found;
    found.start.assign(limit + 1, 0);
    for (int item : lists.items) found.start[item + 1]++;
    for (int i = 0; i < limit; i++) found.start[i + 1] += found.start[i];
    found.items.resize(lists.items.size());
    std::vector<int> next(found.start.begin(), found.start.end() - 1);
    for (int list = 0; list < lists.count(); list++)
        for (const int* item = lists.begin(list); item != lists.end(list); item++)
            found.items[next[*item]++] = list;
    return found;
}

template <typename... Values>
void read(FILE* file, Values*... values) {
    for (int* value : {values...})
        if (std::fscanf(file, "%d", value) != 1) std::exit(2);
}
