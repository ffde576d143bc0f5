// An SDR SDRAM at its pins, which checks the times of everything that it is told.
//
// Times are in ns, from the edges of its own clock pin, as data sheets give them. A word that is
// read is on DQ from T_AC after one edge to T_OH after the next; at all other times while the bus is
// driven it shows the inverted word, so that whoever samples too early or too late gets wrong data.
// Every breach is counted in `errors`, and the first ones are written.
//
// Not modelled, and reported as errors: CKE low, BURST TERMINATE, interleaved bursts, full-page
// bursts, a READ or WRITE that cuts another burst short.
//
// Auto precharge closes a bank as early as PRECHARGE would have been allowed to.

`timescale 1ns / 1ps

module sdram #(
    parameter DQ = 16,
    parameter ROW = 13,
    parameter COLUMN = 9,
    parameter real T_RCD = 20,
    parameter real T_RP = 20,
    parameter real T_RAS = 45,
    parameter real T_RC = 67.5,
    parameter real T_RRD = 15,
    parameter real T_RFC = 70,
    parameter real T_WR = 15,
    parameter real T_AC = 6,
    parameter real T_OH = 2.5,
    parameter real T_SETUP = 1.5,
    parameter real T_HOLD = 1,
    parameter real T_INIT = 200_000,
    parameter real T_REFI = 7812.5,
    parameter T_MRD = 2,  // cycles
    parameter FIRST_REFRESHES = 2,
    parameter POSTPONED = 8,
    parameter WRITTEN = 20  // errors that are written
) (
    input wire clk,
    input wire cke,
    input wire cs_n,
    input wire ras_n,
    input wire cas_n,
    input wire we_n,
    input wire [1:0] ba,
    input wire [ROW-1:0] a,
    input wire [DQ/8-1:0] dqm,
    inout wire [DQ-1:0] dq
);
    localparam WORDS = 1 << (ROW + COLUMN + 2);
    localparam real LONG_AGO = -1e9;
    // Times may be changed by plusargs, in ps: what a controller is built for stays as it is then.
    real t_rcd = T_RCD, t_rp = T_RP, t_ras = T_RAS, t_rc = T_RC, t_rrd = T_RRD, t_rfc = T_RFC, t_wr = T_WR;
    real t_ac = T_AC, t_oh = T_OH, t_setup = T_SETUP, t_hold = T_HOLD, t_init = T_INIT, t_refi = T_REFI;
    int ps, t_mrd = T_MRD, least_refreshes = FIRST_REFRESHES;
    initial begin
        if ($value$plusargs("t_rcd=%d", ps)) t_rcd = ps / 1000.0;
        if ($value$plusargs("t_rp=%d", ps)) t_rp = ps / 1000.0;
        if ($value$plusargs("t_ras=%d", ps)) t_ras = ps / 1000.0;
        if ($value$plusargs("t_rc=%d", ps)) t_rc = ps / 1000.0;
        if ($value$plusargs("t_rrd=%d", ps)) t_rrd = ps / 1000.0;
        if ($value$plusargs("t_rfc=%d", ps)) t_rfc = ps / 1000.0;
        if ($value$plusargs("t_wr=%d", ps)) t_wr = ps / 1000.0;
        if ($value$plusargs("t_ac=%d", ps)) t_ac = ps / 1000.0;
        if ($value$plusargs("t_oh=%d", ps)) t_oh = ps / 1000.0;
        if ($value$plusargs("t_setup=%d", ps)) t_setup = ps / 1000.0;
        if ($value$plusargs("t_hold=%d", ps)) t_hold = ps / 1000.0;
        if ($value$plusargs("t_init=%d", ps)) t_init = ps / 1000.0;
        if ($value$plusargs("t_refi=%d", ps)) t_refi = ps / 1000.0;
        if ($value$plusargs("t_mrd=%d", t_mrd)) ;
        if ($value$plusargs("first_refreshes=%d", least_refreshes)) ;
    end
    reg [DQ-1:0] words[0:WORDS-1]  /*verilator public_flat_rw*/;
    int errors = 0, activates = 0, reads = 0, writes = 0, refreshes = 0;

    task wrong(input string what);
        errors = errors + 1;
        if (errors <= WRITTEN) $display("%0t sdram: %s", $realtime, what);
    endtask

    // A tolerance of rounding: clocks are in whole picoseconds.
    function realtime since(input realtime then);
        since = $realtime - then + 0.01;
    endfunction

    reg open[4];
    reg [ROW-1:0] row[4];
    realtime activated[4], closed[4], written[4];
    realtime any_activated = LONG_AGO, refreshed = LONG_AGO, due = 0, edge_at = LONG_AGO;
    longint cycle = 0, mode_set_at = -100;
    reg mode_set = 0;
    int cas = 3, burst = 1, first_refreshes = 0;

    // A burst under way: its next word, and how many are left.
    reg reading = 0, writing = 0, auto_close = 0, ended = 0;
    reg [1:0] bank;
    reg [COLUMN-1:0] column;
    int left = 0;
    // What is launched in the coming edges; DQM of the edges before.
    reg [DQ-1:0] launched[0:4];
    reg launches[0:4];
    reg [DQ/8-1:0] mask_before = 0;
    reg [DQ-1:0] out;
    reg [DQ/8-1:0] drives = 0;
    realtime driven_until = LONG_AGO;
    generate
        for (genvar i = 0; i < DQ / 8; i++) assign dq[8*i+:8] = drives[i] ? out[8*i+:8] : 8'bz;
    endgenerate

    initial
        for (int i = 0; i < 5; i++) begin
            launches[i] = 0;
            if (i < 4) begin
                open[i] = 0;
                activated[i] = LONG_AGO;
                closed[i] = LONG_AGO;
                written[i] = LONG_AGO;
            end
        end

    // Set-up and hold of what comes in.
    wire [ROW+DQ/8+6:0] inputs = {cke, cs_n, ras_n, cas_n, we_n, ba, a, dqm};
    realtime changed = LONG_AGO, data_changed = LONG_AGO;
    always @(inputs) begin
        if (mode_set && since(edge_at) < t_hold) wrong("hold of a command or an address");
        changed = $realtime;
    end
    reg data_taken = 0;
    always @(dq) begin
        if (data_taken && since(edge_at) < t_hold) wrong("hold of data");
        data_changed = $realtime;
    end

    task close(input [1:0] which);
        if (open[which]) begin
            if (since(activated[which]) < t_ras) wrong("tRAS");
            if (since(written[which]) < t_wr) wrong("tWR");
            if (reading && left != 0 && bank == which) wrong("PRECHARGE during a read");
            if (writing && left != 0 && bank == which) wrong("PRECHARGE during a write");
        end
        open[which] = 0;
        if (closed[which] < $realtime) closed[which] = $realtime;
    endtask

    // A burst with auto precharge ended one edge ago.
    task close_by_itself;
        open[bank] = 0;
        closed[bank] = $realtime;
        if (closed[bank] < activated[bank] + t_ras) closed[bank] = activated[bank] + t_ras;
        if (closed[bank] < written[bank] + t_wr) closed[bank] = written[bank] + t_wr;
    endtask

    task serve(input [2:0] command);
        if (command != 3'b111) begin
            if (since(refreshed) < t_rfc) wrong("tRFC");
            if (cycle - mode_set_at < t_mrd) wrong("tMRD");
            if (since(0) < t_init) wrong("a command before the end of the wait after power-up");
        end
        case (command)
            3'b111: ;
            3'b011: begin  // ACTIVATE
                activates = activates + 1;
                if (!mode_set) wrong("ACTIVATE before the mode register is set");
                if (open[ba]) wrong("ACTIVATE of an open bank");
                if (since(closed[ba]) < t_rp) wrong("tRP");
                if (since(activated[ba]) < t_rc) wrong("tRC");
                if (since(any_activated) < t_rrd) wrong("tRRD");
                open[ba] = 1;
                row[ba] = a;
                activated[ba] = $realtime;
                any_activated = $realtime;
            end
            3'b101, 3'b100: begin  // READ, WRITE
                if (!open[ba]) wrong("READ or WRITE of a closed bank");
                if (since(activated[ba]) < t_rcd) wrong("tRCD");
                if (left != 0) wrong("a burst is cut short");
                auto_close = a[10];
                reading = command[0];
                writing = !command[0];
                bank = ba;
                column = a[COLUMN-1:0];
                left = burst;
            end
            3'b010:  // PRECHARGE
                if (a[10]) for (int i = 0; i < 4; i++) close(2'(i));
                else close(ba);
            3'b001: begin  // REFRESH
                refreshes = refreshes + 1;
                first_refreshes = first_refreshes + 1;
                for (int i = 0; i < 4; i++) begin
                    if (open[i]) wrong("REFRESH with an open bank");
                    if (since(closed[i]) < t_rp) wrong("tRP before REFRESH");
                end
                refreshed = $realtime;
                due = due + t_refi;
                if (due < $realtime - POSTPONED * t_refi || !mode_set) due = $realtime;
                if (due > $realtime + POSTPONED * t_refi) due = $realtime + POSTPONED * t_refi;
            end
            3'b000: begin  // MODE REGISTER SET
                if (first_refreshes < least_refreshes) wrong("mode set before the first refreshes");
                for (int i = 0; i < 4; i++) begin
                    if (open[i]) wrong("mode set with an open bank");
                    if (since(closed[i]) < t_rp) wrong("tRP before the mode is set");
                end
                if (a[2:0] > 3 || a[3] || (a[6:4] != 2 && a[6:4] != 3) || a[9:7] != 0)
                    wrong("a mode that is not modelled");
                burst = 1 << a[2:0];
                cas = int'(a[6:4]);
                mode_set = 1;
                mode_set_at = cycle;
                due = $realtime;
            end
            default: wrong("BURST TERMINATE is not modelled");
        endcase
    endtask

    // Inside its burst a column wraps.
    function [COLUMN-1:0] next(input [COLUMN-1:0] c);
        reg [COLUMN-1:0] low;
        low = COLUMN'(burst - 1);
        next = (c & ~low) | ((c + 1'b1) & low);
    endfunction

    always @(posedge clk) begin
        cycle = cycle + 1;
        edge_at = $realtime;
        if (mode_set && since(changed) < t_setup) wrong("set-up of a command or an address");
        if (mode_set && !cke) wrong("CKE low is not modelled");
        if (ended) close_by_itself();
        ended = 0;
        if (cke && !cs_n) serve({ras_n, cas_n, we_n});
        if (mode_set && since(due) > POSTPONED * t_refi) begin
            wrong("a refresh is late");
            due = $realtime;
        end
        for (int i = 0; i < 4; i++) begin
            launches[i] = launches[i+1];
            launched[i] = launched[i+1];
        end
        launches[4] = 0;
        data_taken = 0;
        if (left != 0) begin
            if (reading) begin
                launches[cas-1] = 1;
                launched[cas-1] = words[{row[bank], bank, column}];
                reads = reads + 1;
            end else begin
                for (int i = 0; i < DQ / 8; i++)
                    if (!dqm[i]) words[{row[bank], bank, column}][8*i+:8] = dq[8*i+:8];
                if (drives != 0 || since(driven_until) < t_setup)
                    wrong("a write while the memory drives DQ");
                if (since(data_changed) < t_setup) wrong("set-up of data");
                data_taken = 1;
                written[bank] = $realtime;
                writes = writes + 1;
            end
            column = next(column);
            left = left - 1;
            ended = left == 0 && auto_close;
        end
        // DQM takes effect two edges later, which is one after the launch.
        if (launches[0]) begin
            drives <= #(t_oh) ~mask_before;
            out <= #(t_oh) ~launched[0];
            out <= #(t_ac) launched[0];
        end else if (drives != 0) begin
            out <= #(t_oh) ~out;
            drives <= #(t_ac) 0;
            driven_until = $realtime + t_ac;
        end
        mask_before = dqm;
    end
endmodule
