// Behavioural AXI4 memory with exact timing, for simulation at full speed.
//
// docs/memory.md says in which cycle every beat and every response comes, with PORTS, BURST_CYCLES,
// RATE_BYTES, RATE_CYCLES, READ_LATENCY and WRITE_LATENCY as they are named there. A read beat shows
// memory as it was before the cycle in which it moves; a write beat changes it when it is taken. The
// beats of a write burst have 2^awsize bytes, those of a read burst all of them.
//
// `stall` > 0: on every channel, each cycle, chance stall / 256 that ready falls, or that a beat
// which is not yet offered is held back; the chances follow from `seed` alone.
//
// Plusargs: +ports=N, +burst_cycles=N, +rate_bytes=N, +rate_cycles=N, +read_latency=N and
// +write_latency=N (in place of the parameters, so that one model serves all memories), +memory=FILE
// (read by $readmemh at a cycle with `load`), +dump=FILE (words dump_first to dump_last written by
// $writememh at a cycle with `dump`), +log=FILE (a line for each written beat: address, strobe, data
// in hexadecimal; `flush` empties the buffers).
//
// Addresses from SIZE on are answered with a decode error. Breaches of AXI (a burst across 4096
// bytes, an unaligned one, a valid payload that changes, a wrong WLAST) end the simulation.

`timescale 1ns / 1ps

module memory #(
    parameter DATA_BITS = 64,
    parameter SIZE = 1 << 20,
    parameter PORTS = 2,  // 1 or 2
    parameter BURST_CYCLES = 0,
    parameter RATE_BYTES = DATA_BITS / 8,
    parameter RATE_CYCLES = 1,
    parameter READ_LATENCY = 20,  // at least 1
    parameter WRITE_LATENCY = 4,  // at least 1
    parameter QUEUE = 16  // bursts each way; a power of two
) (
    input wire clk,
    input wire rst,
    input wire [7:0] stall,
    input wire [31:0] seed,
    input wire load,
    input wire dump,
    input wire [31:0] dump_first,
    input wire [31:0] dump_last,
    input wire flush,

    input wire [31:0] araddr,
    input wire [7:0] arlen,
    input wire arvalid,
    output reg arready,
    output reg [DATA_BITS-1:0] rdata,
    output reg [1:0] rresp,
    output reg rlast,
    output reg rvalid,
    input wire rready,

    input wire [31:0] awaddr,
    input wire [7:0] awlen,
    input wire [2:0] awsize,
    input wire awvalid,
    output reg awready,
    input wire [DATA_BITS-1:0] wdata,
    input wire [DATA_BITS/8-1:0] wstrb,
    input wire wlast,
    input wire wvalid,
    output reg wready,
    output reg [1:0] bresp,
    output reg bvalid,
    input wire bready
);
    localparam BYTES = DATA_BITS / 8;
    localparam SHIFT = $clog2(BYTES);
    localparam WORDS = SIZE / BYTES;
    localparam [1:0] OKAY = 2'b00, DECODE_ERROR = 2'b11;

    reg [DATA_BITS-1:0] words[0:WORDS-1];

    // Files.
    reg [8*512-1:0] memory_file, dump_file, log_file;
    integer log = 0;
    integer ports = PORTS, burst_cycles = BURST_CYCLES;
    integer rate_bytes = RATE_BYTES, rate_cycles = RATE_CYCLES;
    integer read_latency = READ_LATENCY, write_latency = WRITE_LATENCY;
    integer cost[0:1], gain[0:1];  // a beat has moved when `gain` a cycle has made `cost`
    initial begin
        if ($value$plusargs("ports=%d", ports)) ;
        if ($value$plusargs("burst_cycles=%d", burst_cycles)) ;
        if ($value$plusargs("rate_bytes=%d", rate_bytes)) ;
        if ($value$plusargs("rate_cycles=%d", rate_cycles)) ;
        if ($value$plusargs("read_latency=%d", read_latency)) ;
        if ($value$plusargs("write_latency=%d", write_latency)) ;
        if (read_latency < 1 || write_latency < 1) $fatal(1, "memory: latencies are at least 1");
        if (ports < 1 || ports > 2) $fatal(1, "memory: ports are 1 or 2");
        if (burst_cycles < 0 || rate_bytes < 1 || rate_cycles < 1) $fatal(1, "memory: no rate");
        if ($value$plusargs("log=%s", log_file)) log = $fopen(log_file, "w");
    end
    always @(posedge clk) begin
        if (load && $value$plusargs("memory=%s", memory_file)) $readmemh(memory_file, words);
        if (dump && $value$plusargs("dump=%s", dump_file))
            $writememh(dump_file, words, dump_first, dump_last);
        if (flush && log != 0) $fflush(log);
    end

    // Chance: xorshift64 (Marsaglia 2003), a byte for each channel.
    reg [63:0] chance;
    wire [4:0] held = {
        chance[39:32] < stall,
        chance[31:24] < stall,
        chance[23:16] < stall,
        chance[15:8] < stall,
        chance[7:0] < stall
    };
    function [63:0] xorshift(input [63:0] x);
        reg [63:0] y;
        begin
            y = x ^ (x << 13);
            y = y ^ (y >> 7);
            xorshift = y ^ (y << 17);
        end
    endfunction
    always @(posedge clk) begin
        if (rst) chance <= {32'h9e3779b9, seed};
        else if (stall != 0) chance <= xorshift(chance);
    end

    // Queues: numbers count from the start, their low bits index.
    localparam Q = $clog2(QUEUE);
    localparam QB = Q + 8;
    reg [63:0] now;
    reg [31:0] read_address[0:QUEUE-1], write_address[0:QUEUE-1];
    reg [7:0] read_length[0:QUEUE-1], write_length[0:QUEUE-1];
    reg [2:0] write_size[0:QUEUE-1];
    reg [63:0] read_came[0:QUEUE-1], write_came[0:QUEUE-1], response_time[0:QUEUE-1];
    reg [1:0] response[0:QUEUE-1];
    // Read beats that have moved and are not offered yet.
    reg [DATA_BITS-1:0] beat_data[0:256*QUEUE-1];
    reg [1:0] beat_response[0:256*QUEUE-1];
    reg beat_last[0:256*QUEUE-1];
    reg [63:0] beat_time[0:256*QUEUE-1];
    reg [31:0] reads_taken, reads_begun, reads_done, beats_moved, beats_offered;
    reg [31:0] writes_taken, writes_begun, writes_served, writes_offered, writes_done;
    reg [31:0] address;
    reg [DATA_BITS-1:0] word;
    // Two servers; with one port the first one takes all bursts, else reads only.
    reg serving[0:1], serves_write[0:1];
    reg [31:0] first_address[0:1];
    reg [7:0] last_beat[0:1], beat[0:1];
    reg [2:0] size[0:1];  // log2 of the bytes of a beat
    integer pause[0:1], credit[0:1];
    reg any_read, any_write;
    integer server, i;

    // verilator lint_off BLKSEQ
    always @(posedge clk) begin
        now <= now + 1;
        // What was handed over in this cycle.
        if (arvalid && arready) begin
            check_burst(araddr, arlen, SHIFT);
            read_address[reads_taken[Q-1:0]] = araddr;
            read_length[reads_taken[Q-1:0]] = arlen;
            read_came[reads_taken[Q-1:0]] = now;
            reads_taken = reads_taken + 1;
        end
        if (awvalid && awready) begin
            check_burst(awaddr, awlen, awsize);
            write_address[writes_taken[Q-1:0]] = awaddr;
            write_length[writes_taken[Q-1:0]] = awlen;
            write_size[writes_taken[Q-1:0]] = awsize;
            write_came[writes_taken[Q-1:0]] = now;
            response[writes_taken[Q-1:0]] = OKAY;
            writes_taken = writes_taken + 1;
        end
        if (wvalid && wready) begin
            server = ports - 1;
            address = first_address[server] + (beat[server] << size[server]);
            check_strobes(address, size[server]);
            address = address >> SHIFT << SHIFT;
            word = words[address>>SHIFT];
            for (i = 0; i < BYTES; i = i + 1) if (wstrb[i]) word[8*i+:8] = wdata[8*i+:8];
            if (address < SIZE) words[address>>SHIFT] = word;
            else response[writes_served[Q-1:0]] = DECODE_ERROR;
            if (log != 0) $fdisplay(log, "%x%x%x", address, wstrb, wdata);
            if (wlast != (beat[server] == last_beat[server]))
                $error("memory: WLAST is wrong in beat %0d of the burst to %x", beat[server],
                       first_address[server]);
            if (beat[server] == last_beat[server]) begin
                response_time[writes_served[Q-1:0]] = now + {32'd0, write_latency};
                writes_served = writes_served + 1;
                serving[server] = 0;
            end
            beat[server] = beat[server] + 1;
            credit[server] = credit[server] - cost[server];
        end
        if (rvalid && rready) begin
            rvalid <= 0;
            if (rlast) reads_done = reads_done + 1;
        end
        if (bvalid && bready) begin
            bvalid <= 0;
            writes_done = writes_done + 1;
        end

        // What moves in the next cycle.
        wready <= 0;
        for (server = 0; server < ports; server = server + 1) begin
            if (!serving[server]) begin
                any_read = server == 0 && reads_begun != reads_taken;
                any_write = server == ports - 1 && writes_begun != writes_taken;
                if (any_read && any_write)
                    any_write = write_came[writes_begun[Q-1:0]] < read_came[reads_begun[Q-1:0]];
                if (any_write) begin
                    first_address[server] = write_address[writes_begun[Q-1:0]];
                    last_beat[server] = write_length[writes_begun[Q-1:0]];
                    size[server] = write_size[writes_begun[Q-1:0]];
                    writes_begun = writes_begun + 1;
                end else if (any_read) begin
                    first_address[server] = read_address[reads_begun[Q-1:0]];
                    last_beat[server] = read_length[reads_begun[Q-1:0]];
                    size[server] = SHIFT;
                    reads_begun = reads_begun + 1;
                end
                serving[server] = any_read || any_write;
                serves_write[server] = any_write;
                beat[server] = 0;
                credit[server] = 0;
                pause[server] = burst_cycles;
                cost[server] = rate_cycles << size[server];
                gain[server] = rate_bytes < cost[server] ? rate_bytes : cost[server];
            end
            if (serving[server]) begin
                if (pause[server] > 0) pause[server] = pause[server] - 1;
                else if (credit[server] < cost[server])
                    credit[server] = credit[server] + gain[server];
                if (credit[server] >= cost[server] && serves_write[server]) wready <= !held[4];
                if (credit[server] >= cost[server] && !serves_write[server]) begin
                    address = first_address[server] + (beat[server] << SHIFT);
                    beat_data[beats_moved[QB-1:0]] =
                        address < SIZE ? words[address>>SHIFT] : {BYTES{8'hee}};
                    beat_response[beats_moved[QB-1:0]] = address < SIZE ? OKAY : DECODE_ERROR;
                    beat_last[beats_moved[QB-1:0]] = beat[server] == last_beat[server];
                    beat_time[beats_moved[QB-1:0]] = now + {32'd0, read_latency};
                    beats_moved = beats_moved + 1;
                    serving[server] = beat[server] != last_beat[server];
                    beat[server] = beat[server] + 1;
                    credit[server] = credit[server] - cost[server];
                end
            end
        end

        // What is offered in the next cycle.
        if ((!rvalid || rready) && beats_offered != beats_moved && !held[0]
                && beat_time[beats_offered[QB-1:0]] <= now + 1) begin
            rvalid <= 1;
            rdata <= beat_data[beats_offered[QB-1:0]];
            rresp <= beat_response[beats_offered[QB-1:0]];
            rlast <= beat_last[beats_offered[QB-1:0]];
            beats_offered = beats_offered + 1;
        end
        if ((!bvalid || bready) && writes_offered != writes_served && !held[1]
                && response_time[writes_offered[Q-1:0]] <= now + 1) begin
            bvalid <= 1;
            bresp <= response[writes_offered[Q-1:0]];
            writes_offered = writes_offered + 1;
        end
        arready <= reads_taken - reads_done < QUEUE && !held[2];
        awready <= writes_taken - writes_done < QUEUE && !held[3];
        if (rst) begin
            now <= 0;
            {arready, awready, wready, rvalid, bvalid} <= 0;
            {reads_taken, reads_begun, reads_done, beats_moved, beats_offered} = 0;
            {writes_taken, writes_begun, writes_served, writes_offered, writes_done} = 0;
            serving[0] = 0;
            serving[1] = 0;
        end
    end
    // verilator lint_on BLKSEQ

    task check_burst(input [31:0] first, input [7:0] length, input [2:0] width);
        reg [31:0] last;
        begin
            last = first + (length << width);
            if (width > SHIFT) $error("memory: beats of %0d bytes at %x", 1 << width, first);
            if (first[31:12] != last[31:12])
                $error("memory: burst of %0d beats at %x crosses 4096 bytes", length + 1, first);
            if (((first >> width) << width) != first)
                $error("memory: burst at %x is not aligned", first);
        end
    endtask

    // Bytes are written in the beat's own lanes only (AXI4, A3.4.3).
    task check_strobes(input [31:0] at, input [2:0] width);
        for (i = 0; i < BYTES; i = i + 1)
            if (wstrb[i] && (i >> width) != (at[SHIFT-1:0] >> width))
                $error("memory: a beat of %0d bytes at %x writes byte %0d", 1 << width, at, i);
    endtask

    // A valid payload stays until it is taken (AXI4, A3.2.1).
    reg held_ar, held_aw, held_w;
    reg [39:0] last_ar;
    reg [42:0] last_aw;
    reg [DATA_BITS+BYTES:0] last_w;
    always @(posedge clk) begin
        held_ar <= !rst && arvalid && !arready;
        held_aw <= !rst && awvalid && !awready;
        held_w <= !rst && wvalid && !wready;
        last_ar <= {araddr, arlen};
        last_aw <= {awaddr, awlen, awsize};
        last_w <= {wdata, wstrb, wlast};
        if (!rst && held_ar && !(arvalid && last_ar == {araddr, arlen}))
            $error("memory: the read address changed before it was taken");
        if (!rst && held_aw && !(awvalid && last_aw == {awaddr, awlen, awsize}))
            $error("memory: the write address changed before it was taken");
        if (!rst && held_w && !(wvalid && last_w == {wdata, wstrb, wlast}))
            $error("memory: the write data changed before they were taken");
    end
endmodule
