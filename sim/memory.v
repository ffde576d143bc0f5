// Behavioural AXI4 memory with exact timing, for simulation at full speed.
//
// Timing without stalls, in cycles; "at t" is the clock edge that ends cycle t, with valid and ready
// both 1. A cost model may rely on it.
//
//   Reads.  Burst k of n_k beats, address taken at a_k, beats taken as soon as offered:
//             first beat  f_k = max(a_k + READ_LATENCY, l_(k-1) + 1)
//             last beat   l_k = f_k + n_k - 1          (one beat a cycle, bursts back to back)
//           A beat that is not taken moves all later ones by as much. An address is taken at once
//           while fewer than QUEUE bursts are under way: a_k > l_(k-QUEUE).
//   Writes. Data and addresses are taken at once, one beat a cycle, in whichever order they come
//           (at most QUEUE bursts without their response taken, QUEUE_BEATS beats without address).
//           With t_k the later of the address's and the last beat's edge, the response is offered at
//             b_k = max(t_k + WRITE_LATENCY, b_(k-1) + 1)
//           A beat changes memory at the edge at which both it and its address have been taken, and
//           a read beat shows memory as it was in the cycle before it is first offered.
//
// `stall` > 0: on every channel, each cycle, chance stall / 256 that ready falls, or that a beat
// which is not yet offered is held back; the chances follow from `seed` alone.
//
// Plusargs: +read_latency=N and +write_latency=N (in place of the parameters, so that one model
// serves all memories), +memory=FILE (read by $readmemh at a cycle with `load`), +dump=FILE (words dump_first to
// dump_last written by $writememh at a cycle with `dump`), +log=FILE (a line for each written beat:
// address, strobe, data in hexadecimal; `flush` empties the buffers).
//
// Addresses from SIZE on are answered with a decode error. Breaches of AXI (a burst across 4096
// bytes, an unaligned one, a valid payload that changes, a wrong WLAST) end the simulation.

`timescale 1ns / 1ps

module memory #(
    parameter DATA_BITS = 64,
    parameter SIZE = 1 << 20,
    parameter READ_LATENCY = 20,  // at least 1
    parameter WRITE_LATENCY = 4,  // at least 1
    parameter QUEUE = 16,  // a power of two
    parameter QUEUE_BEATS = 256  // a power of two
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
    integer read_latency = READ_LATENCY, write_latency = WRITE_LATENCY;
    initial begin
        if ($value$plusargs("read_latency=%d", read_latency)) ;
        if ($value$plusargs("write_latency=%d", write_latency)) ;
        if (read_latency < 1 || write_latency < 1) $fatal(1, "memory: latencies are at least 1");
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
    reg [63:0] now;
    reg [31:0] read_address[0:QUEUE-1], write_address[0:QUEUE-1];
    reg [7:0] read_length[0:QUEUE-1], write_length[0:QUEUE-1];
    reg [63:0] read_time[0:QUEUE-1], response_time[0:QUEUE-1];
    reg [1:0] response[0:QUEUE-1];
    reg [DATA_BITS-1:0] beat_data[0:QUEUE_BEATS-1];
    reg [BYTES-1:0] beat_strobe[0:QUEUE_BEATS-1];
    reg beat_last[0:QUEUE_BEATS-1];
    localparam Q = $clog2(QUEUE);
    localparam QB = $clog2(QUEUE_BEATS);
    reg [31:0] reads_taken, reads_done;
    reg [31:0] writes_taken, writes_applied, writes_offered, writes_done;
    reg [31:0] beats_taken, beats_applied;
    reg [7:0] read_beat, write_beat;
    reg [31:0] address;
    reg [DATA_BITS-1:0] word;
    integer i;

    // verilator lint_off BLKSEQ
    always @(posedge clk) begin
        now <= now + 1;
        // Reads: take an address, let a beat go, offer the next one.
        if (arvalid && arready) begin
            check_burst(araddr, arlen);
            read_address[reads_taken[Q-1:0]] = araddr;
            read_length[reads_taken[Q-1:0]] = arlen;
            read_time[reads_taken[Q-1:0]] = now + {32'd0, read_latency};
            reads_taken = reads_taken + 1;
        end
        if (rvalid && rready) begin
            rvalid <= 0;
            read_beat = rlast ? 8'd0 : read_beat + 8'd1;
            if (rlast) reads_done = reads_done + 1;
        end
        if ((!rvalid || rready) && reads_done != reads_taken && !held[0]
                && read_time[reads_done[Q-1:0]] <= now + 1) begin
            address = read_address[reads_done[Q-1:0]] + (read_beat << SHIFT);
            rvalid <= 1;
            rdata <= address < SIZE ? words[address>>SHIFT] : {BYTES{8'hee}};
            rresp <= address < SIZE ? OKAY : DECODE_ERROR;
            rlast <= read_beat == read_length[reads_done[Q-1:0]];
        end

        // Writes: take addresses and beats, apply what has both, answer.
        if (awvalid && awready) begin
            check_burst(awaddr, awlen);
            write_address[writes_taken[Q-1:0]] = awaddr;
            write_length[writes_taken[Q-1:0]] = awlen;
            response[writes_taken[Q-1:0]] = OKAY;
            writes_taken = writes_taken + 1;
        end
        if (wvalid && wready) begin
            beat_data[beats_taken[QB-1:0]] = wdata;
            beat_strobe[beats_taken[QB-1:0]] = wstrb;
            beat_last[beats_taken[QB-1:0]] = wlast;
            beats_taken = beats_taken + 1;
        end
        while (beats_applied != beats_taken && writes_applied != writes_taken) begin
            address = write_address[writes_applied[Q-1:0]] + (write_beat << SHIFT);
            word = words[address>>SHIFT];
            for (i = 0; i < BYTES; i = i + 1)
                if (beat_strobe[beats_applied[QB-1:0]][i])
                    word[8*i+:8] = beat_data[beats_applied[QB-1:0]][8*i+:8];
            if (address < SIZE) words[address>>SHIFT] = word;
            else response[writes_applied[Q-1:0]] = DECODE_ERROR;
            if (log != 0)
                $fdisplay(log, "%x%x%x", address, beat_strobe[beats_applied[QB-1:0]],
                          beat_data[beats_applied[QB-1:0]]);
            if (beat_last[beats_applied[QB-1:0]]
                    != (write_beat == write_length[writes_applied[Q-1:0]]))
                $error("memory: WLAST is wrong in beat %0d of the burst to %x", write_beat, address);
            if (write_beat == write_length[writes_applied[Q-1:0]]) begin
                response_time[writes_applied[Q-1:0]] = now + {32'd0, write_latency};
                writes_applied = writes_applied + 1;
                write_beat = 0;
            end else write_beat = write_beat + 1;
            beats_applied = beats_applied + 1;
        end
        if (bvalid && bready) begin
            bvalid <= 0;
            writes_done = writes_done + 1;
        end
        if ((!bvalid || bready) && writes_offered != writes_applied && !held[1]
                && response_time[writes_offered[Q-1:0]] <= now + 1) begin
            bvalid <= 1;
            bresp <= response[writes_offered[Q-1:0]];
            writes_offered = writes_offered + 1;
        end

        arready <= reads_taken - reads_done < QUEUE && !held[2];
        awready <= writes_taken - writes_done < QUEUE && !held[3];
        wready <= beats_taken - beats_applied < QUEUE_BEATS && !held[4];
        if (rst) begin
            now <= 0;
            {arready, awready, wready, rvalid, bvalid} <= 0;
            {reads_taken, reads_done, writes_taken, writes_applied} = 0;
            {writes_offered, writes_done, beats_taken, beats_applied} = 0;
            {read_beat, write_beat} = 0;
        end
    end
    // verilator lint_on BLKSEQ

    task check_burst(input [31:0] first, input [7:0] length);
        reg [31:0] last;
        begin
            last = first + (length << SHIFT);
            if (first[31:12] != last[31:12])
                $error("memory: burst of %0d beats at %x crosses 4096 bytes", length + 1, first);
            if (first[SHIFT-1:0] != 0) $error("memory: burst at %x is not aligned", first);
        end
    endtask

    // A valid payload stays until it is taken (AXI4, A3.2.1).
    reg held_ar, held_aw, held_w;
    reg [39:0] last_ar, last_aw;
    reg [DATA_BITS+BYTES:0] last_w;
    always @(posedge clk) begin
        held_ar <= !rst && arvalid && !arready;
        held_aw <= !rst && awvalid && !awready;
        held_w <= !rst && wvalid && !wready;
        last_ar <= {araddr, arlen};
        last_aw <= {awaddr, awlen};
        last_w <= {wdata, wstrb, wlast};
        if (!rst && held_ar && !(arvalid && last_ar == {araddr, arlen}))
            $error("memory: the read address changed before it was taken");
        if (!rst && held_aw && !(awvalid && last_aw == {awaddr, awlen}))
            $error("memory: the write address changed before it was taken");
        if (!rst && held_w && !(wvalid && last_w == {wdata, wstrb, wlast}))
            $error("memory: the write data changed before they were taken");
    end
endmodule
