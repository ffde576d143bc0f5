// A controller between a source of bursts and a memory at its pins: how fast it is, and that every
// beat read is the one written last.
//
// The module controller_at_pads is in traffic_pads.sv, or LiteDRAM's in litedram_pads.sv.
//
// Plusargs: +bursts=N of each kind that there is; +kinds=1 reads, 2 writes, 3 both; +beats=N (0: 1 to
// 64 at random); +step=N bytes from one burst's address to the next one's (0: anywhere in the first
// +window=N bytes); +masks=1 writes only some bytes; +slow=N in 256 is the chance that the source
// holds a channel back; +late=N; +seed=N.
// `done` rises when every burst is answered. A burst never overlaps with one of the other kind that
// is under way, whose order is not defined.

`timescale 1ns / 1ps

module traffic #(
    parameter BEAT = 64,
    parameter DQ = 16,
    parameter ROW = 13,
    parameter COLUMN = 9,
    parameter PERIOD_PS = 10000,
    parameter PHASE_PS = 5000
) (
    output reg clk,
    input wire rst,
    output reg done,
    output int cycles,
    output int beats_read,
    output int beats_written,
    output int differing,
    output int sdram_errors,
    output int refreshes
);
    initial clk = 0;
    always #(PERIOD_PS / 2000.0) clk = !clk;

    reg reset = 1;
    always @(posedge clk) reset <= rst;

    reg [31:0] araddr, awaddr;
    reg [7:0] arlen, awlen;
    reg arvalid = 0, awvalid = 0, wvalid = 0, wlast = 0, rready = 0, bready = 0;
    wire arready, awready, wready, rvalid, rlast, bvalid, ready;
    wire [BEAT-1:0] rdata;
    wire [1:0] response;
    reg [BEAT-1:0] wdata;
    reg [BEAT/8-1:0] wstrb;
    int late = 1;
    initial if ($value$plusargs("late=%d", late)) ;

    wire memory_clk, cke, cs_n, ras_n, cas_n, we_n;
    wire [1:0] bank;
    wire [ROW-1:0] address;
    wire [DQ/8-1:0] mask;
    wire [DQ-1:0] dq;
    controller_at_pads #(
        .BEAT(BEAT), .DQ(DQ), .ROW(ROW), .PERIOD_PS(PERIOD_PS), .PHASE_PS(PHASE_PS)
    ) controller (
        .clk(clk), .rst(reset), .late(2'(late)), .ready(ready),
        .araddr(araddr), .arlen(arlen), .arvalid(arvalid), .arready(arready),
        .rdata(rdata), .rresp(response), .rlast(rlast), .rvalid(rvalid), .rready(rready),
        .awaddr(awaddr), .awlen(awlen), .awvalid(awvalid), .awready(awready),
        .wdata(wdata), .wstrb(wstrb), .wlast(wlast), .wvalid(wvalid), .wready(wready),
        .bvalid(bvalid), .bready(bready),
        .memory_clk(memory_clk), .cke(cke), .cs_n(cs_n), .ras_n(ras_n), .cas_n(cas_n), .we_n(we_n),
        .bank(bank), .address(address), .mask(mask), .dq(dq)
    );
    sdram #(
        .DQ(DQ), .ROW(ROW), .COLUMN(COLUMN)
    ) memory (
        .clk(memory_clk), .cke(cke), .cs_n(cs_n), .ras_n(ras_n), .cas_n(cas_n), .we_n(we_n),
        .ba(bank), .a(address), .dqm(mask), .dq(dq)
    );

    // ---- The source.
    localparam BYTES = BEAT / 8;
    localparam WORDS = (4 << (ROW + COLUMN)) * (DQ / 8) / BYTES;
    reg [BEAT-1:0] shadow[0:WORDS-1];
    reg [7:0] settled = 0;
    int bursts = 100, kinds = 3, beats = 0, step = 0, window = 1 << 20, masks = 0, slow = 0, seed = 1;
    int reads_left, writes_left;
    int unsigned read_next = 0, write_next = 0;
    // First and last beat of what is under way; data to come.
    int read_first[$], read_end[$], write_first[$], write_end[$];
    reg [BEAT-1:0] expected[$], to_write[$];
    reg [BEAT/8-1:0] strobes[$];
    reg lasts[$], expected_last[$];
    reg [63:0] chance;
    initial begin
        if ($value$plusargs("bursts=%d", bursts)) ;
        if ($value$plusargs("kinds=%d", kinds)) ;
        if ($value$plusargs("beats=%d", beats)) ;
        if ($value$plusargs("step=%d", step)) ;
        if ($value$plusargs("window=%d", window)) ;
        if ($value$plusargs("masks=%d", masks)) ;
        if ($value$plusargs("slow=%d", slow)) ;
        if ($value$plusargs("seed=%d", seed)) ;
        reads_left = (kinds & 1) != 0 ? bursts : 0;
        writes_left = (kinds & 2) != 0 ? bursts : 0;
        chance = {32'h9e3779b9, seed};
        done = 0;
        cycles = 0;
        beats_read = 0;
        beats_written = 0;
        differing = 0;
        for (int i = 0; i < window / (DQ / 8); i++) begin  // the rest is 0
            memory.words[i] = DQ'(i * 40503 + (i >> 7));  // no two words alike for a while
            shadow[i / (BEAT / DQ)][DQ * (i % (BEAT / DQ))+:DQ] = memory.words[i];
        end
    end
    function [63:0] random();
        chance = chance ^ (chance << 13);
        chance = chance ^ (chance >> 7);
        chance = chance ^ (chance << 17);
        random = chance;
    endfunction
    function hold_back();
        hold_back = slow != 0 && int'(8'(random() >> 20)) < slow;
    endfunction

    int unsigned place, count;
    function int unsigned length();
        length = beats != 0 ? beats : 1 + int'(6'(random() >> 9));
    endfunction
    // A burst's first byte: a page of 4096 bytes is never left.
    function int unsigned start(input int unsigned sequential, n);
        int unsigned where;
        where = step != 0 ? sequential % window : int'(31'(random() >> 7)) % window;
        where = where - where % BYTES;
        if (where % 4096 + n * BYTES > 4096) where = where - where % 4096 + 4096 - n * BYTES;
        start = where;
    endfunction
    function overlaps(input int unsigned first, n, input reg with_write);
        overlaps = 0;
        if (with_write) begin
            foreach (write_first[i])
                if (int'(first) < write_end[i] && int'(first + n) > write_first[i]) overlaps = 1;
        end else
            foreach (read_first[i])
                if (int'(first) < read_end[i] && int'(first + n) > read_first[i]) overlaps = 1;
    endfunction

    reg [BEAT-1:0] value, mask_bits;
    always @(posedge clk) begin
        if (!reset && ready && !done) begin
            if (settled == 0) cycles <= cycles + 1;
            // What was handed over in this cycle.
            if (rvalid && rready) begin
                value = expected.pop_front();
                if (rdata !== value) differing = differing + 1;
                if (rlast !== expected_last.pop_front() || response != 0) differing = differing + 1;
                beats_read <= beats_read + 1;
                if (rlast) begin
                    void'(read_first.pop_front());
                    void'(read_end.pop_front());
                end
            end
            if (bvalid && bready) begin
                void'(write_first.pop_front());
                void'(write_end.pop_front());
            end
            if (wvalid && wready) beats_written <= beats_written + 1;
            // What is offered next.
            if (!arvalid || arready) begin
                arvalid <= 0;
                if (reads_left != 0 && read_first.size() < 16 && !hold_back()) begin
                    count = length();
                    place = start(read_next, count);
                    if (!overlaps(place / BYTES, count, 1)) begin
                        arvalid <= 1;
                        araddr <= place;
                        arlen <= 8'(count - 1);
                        for (int i = 0; i < int'(count); i++) begin
                            expected.push_back(shadow[int'(place) / BYTES + i]);
                            expected_last.push_back(i == int'(count) - 1);
                        end
                        read_first.push_back(int'(place) / BYTES);
                        read_end.push_back(int'(place) / BYTES + int'(count));
                        reads_left = reads_left - 1;
                        read_next = read_next + step;
                    end
                end
            end
            if (!awvalid || awready) begin
                awvalid <= 0;
                if (writes_left != 0 && write_first.size() < 16 && to_write.size() < 512 && !hold_back()) begin
                    count = length();
                    place = start(write_next, count);
                    if (!overlaps(place / BYTES, count, 0)) begin
                        awvalid <= 1;
                        awaddr <= place;
                        awlen <= 8'(count - 1);
                        for (int i = 0; i < int'(count); i++) begin
                            for (int k = 0; k < BEAT / 32; k++) value[32*k+:32] = 32'(random() >> 11);
                            to_write.push_back(value);
                            lasts.push_back(i == int'(count) - 1);
                            strobes.push_back(masks != 0 ? (BEAT/8)'(random() >> 5) : '1);
                            for (int k = 0; k < BYTES; k++) mask_bits[8*k+:8] = {8{strobes[$][k]}};
                            shadow[int'(place) / BYTES + i] = (shadow[int'(place) / BYTES + i] & ~mask_bits) | (value & mask_bits);
                        end
                        write_first.push_back(int'(place) / BYTES);
                        write_end.push_back(int'(place) / BYTES + int'(count));
                        writes_left = writes_left - 1;
                        write_next = write_next + step;
                    end
                end
            end
            if (!wvalid || wready) begin
                wvalid <= 0;
                if (to_write.size() != 0 && !hold_back()) begin
                    wvalid <= 1;
                    wdata <= to_write.pop_front();
                    wstrb <= strobes.pop_front();
                    wlast <= lasts.pop_front();
                end
            end
            rready <= !hold_back();
            bready <= !hold_back();
            if (reads_left == 0 && writes_left == 0 && read_first.size() == 0 && write_first.size() == 0) begin
                settled <= settled + 1;
                // The last write may be answered before its last command is issued.
                done <= settled == 255;
                if (settled == 255) for (int i = 0; i < WORDS; i++)
                    for (int k = 0; k < BEAT / DQ; k++)
                        if (memory.words[i*(BEAT/DQ)+k] !== shadow[i][DQ*k+:DQ]) differing = differing + 1;
            end
        end
        sdram_errors <= memory.errors;
        refreshes <= memory.refreshes;
    end
endmodule
