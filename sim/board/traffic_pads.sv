// Our SDRAM controller with its pads, between the AXI4 port and the memory's pins.
//
// The module SDRAM_CONTROLLER (a macro) is the Verilog of boards.sdram.controller. Its pads are a
// register each way, and wires that take +out_delay=N and +in_delay=N ps, less than a period each; the
// memory's clock comes +phase=N ps after the controller's (default: PHASE_PS).

`timescale 1ns / 1ps

module controller_at_pads #(
    parameter BEAT = 64,
    parameter DQ = 16,
    parameter ROW = 13,
    parameter PERIOD_PS = 10000,
    parameter PHASE_PS = 5000
) (
    input wire clk,
    input wire rst,
    input wire [1:0] late,
    output wire ready,
    input wire [31:0] araddr,
    input wire [7:0] arlen,
    input wire arvalid,
    output wire arready,
    output wire [BEAT-1:0] rdata,
    output wire [1:0] rresp,
    output wire rlast,
    output wire rvalid,
    input wire rready,
    input wire [31:0] awaddr,
    input wire [7:0] awlen,
    input wire awvalid,
    output wire awready,
    input wire [BEAT-1:0] wdata,
    input wire [BEAT/8-1:0] wstrb,
    input wire wlast,
    input wire wvalid,
    output wire wready,
    output wire bvalid,
    input wire bready,
    output reg memory_clk,
    output wire cke,
    output wire cs_n,
    output wire ras_n,
    output wire cas_n,
    output wire we_n,
    output wire [1:0] bank,
    output wire [ROW-1:0] address,
    output wire [DQ/8-1:0] mask,
    inout wire [DQ-1:0] dq
);
    wire [2:0] command;
    wire [1:0] next_bank;
    wire [ROW-1:0] next_address;
    wire [DQ/8-1:0] next_mask;
    wire [DQ-1:0] data_out;
    wire data_enable;
    reg [DQ-1:0] data_in;
    `SDRAM_CONTROLLER controller (
        .clk(clk), .rst(rst), .late(late), .ready(ready),
        .ar__payload({arlen, araddr}), .ar__valid(arvalid), .ar__ready(arready),
        .r__payload({rlast, rresp, rdata}), .r__valid(rvalid), .r__ready(rready),
        .aw__payload({awlen, awaddr}), .aw__valid(awvalid), .aw__ready(awready),
        .w__payload({wlast, wstrb, wdata}), .w__valid(wvalid), .w__ready(wready),
        .b__payload(), .b__valid(bvalid), .b__ready(bready),
        .command(command), .bank(next_bank), .address(next_address), .mask(next_mask),
        .data_out(data_out), .data_enable(data_enable), .data_in(data_in)
    );

    reg [2:0] pad_command = 7;
    reg [1:0] pad_bank;
    reg [ROW-1:0] pad_address;
    reg [DQ/8-1:0] pad_mask;
    reg [DQ-1:0] pad_out;
    reg pad_enable = 0;
    assign dq = pad_enable ? pad_out : {DQ{1'bz}};
    assign {ras_n, cas_n, we_n} = pad_command;
    assign cke = 1, cs_n = 0, bank = pad_bank, address = pad_address, mask = pad_mask;
    reg [DQ-1:0] arrived;
    int phase_ps = PHASE_PS, out_ps = 2000, in_ps = 2000;
    real phase_and_out, out_delay, before_edge;
    initial begin
        if ($value$plusargs("phase=%d", phase_ps)) ;
        if ($value$plusargs("out_delay=%d", out_ps)) ;
        if ($value$plusargs("in_delay=%d", in_ps)) ;
        out_delay = out_ps / 1000.0;
        phase_and_out = (phase_ps + out_ps) / 1000.0;
        before_edge = (PERIOD_PS - in_ps) / 1000.0 - 0.01;
    end
    initial begin
        memory_clk = 0;
        @(posedge clk) #(phase_and_out);
        forever begin
            memory_clk = 1;
            #(PERIOD_PS / 2000.0) memory_clk = 0;
            #(PERIOD_PS / 2000.0);
        end
    end
    // What is at the register's input at an edge left the wires so long before.
    always @(posedge clk) begin
        #(before_edge) arrived = dq;
    end
    localparam PINS = 3 + 2 + ROW + DQ / 8 + DQ + 1;
    reg [PINS-1:0] registers;
    always @(posedge clk) begin
        registers <= {command, next_bank, next_address, next_mask, data_out, data_enable};
        data_in <= arrived;
    end
    always @(registers)
        {pad_command, pad_bank, pad_address, pad_mask, pad_out, pad_enable} <= #(out_delay) registers;
endmodule
