// A board: the design between its pins, the SDRAM, the oscillator, a button, and a host on the line.
//
// The macro BOARD_PINS connects the names below to the ports of the design, BOARD_DESIGN; BIT_NS is
// the time of a bit on the line.

`timescale 1ns / 1ps

module board #(
    parameter INPUT_KHZ = 25000,
    parameter DQ = 16,
    parameter ROW = 13,
    parameter COLUMN = 9
) (
    input wire give,
    input wire [8*256-1:0] bytes,
    input wire [15:0] given,
    input wire want,
    input wire [15:0] wanted,
    input wire [31:0] patience,
    output wire enough,
    output wire [8*256-1:0] answer,
    output wire [15:0] taken,
    input wire button,
    input wire load,
    input wire dump,
    input wire [31:0] dump_first,
    input wire [31:0] dump_last,
    output int sdram_errors,
    output wire led
);
    reg oscillator = 0;
    always #(500_000.0 / INPUT_KHZ) oscillator = !oscillator;

    // Pins of the design, and those of the memory behind the wires.
    wire clk, cke, cs_n, ras_n, cas_n, we_n, tx, rx;
    wire [1:0] ba;
    wire [ROW-1:0] a;
    wire [DQ/8-1:0] dqm;
    wire [DQ-1:0] dq;
    `BOARD_DESIGN fpga (`BOARD_PINS);

    sdram #(
        .DQ(DQ), .ROW(ROW), .COLUMN(COLUMN)
    ) memory (
        .clk(clk), .cke(cke), .cs_n(cs_n), .ras_n(ras_n), .cas_n(cas_n), .we_n(we_n), .ba(ba), .a(a),
        .dqm(dqm), .dq(dq)
    );
    line_host #(.BIT_NS(`BIT_NS)) host (
        .tx(rx), .rx(tx), .give(give), .bytes(bytes), .given(given), .want(want), .wanted(wanted),
        .patience(patience), .enough(enough), .answer(answer), .taken(taken)
    );

    // The back door.
    reg [8*512-1:0] memory_file, dump_file;
    always @(posedge load) if ($value$plusargs("memory=%s", memory_file)) $readmemh(memory_file, memory.words);
    always @(posedge dump) begin
        if ($value$plusargs("dump=%s", dump_file)) $writememh(dump_file, memory.words, dump_first, dump_last);
        sdram_errors = memory.errors;
    end
endmodule
