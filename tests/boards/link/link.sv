// The board's end of the link, a memory, registers that count how often they are written, and a host.

`timescale 1ns / 1ps

module link #(
    parameter BITS = 64,  // of the memory port
    parameter CYCLES = 4  // of a bit
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
    output int sdram_errors
);
    reg clk = 0, rst = 1;
    always #5 clk = !clk;
    always @(posedge clk) rst <= button;
    initial sdram_errors = 0;

    wire tx, rx;
    line_host #(.BIT_NS(10.0 * CYCLES)) host (
        .tx(rx), .rx(tx), .give(give), .bytes(bytes), .given(given), .want(want), .wanted(wanted),
        .patience(patience), .enough(enough), .answer(answer), .taken(taken)
    );

    wire [39:0] ar, aw;
    wire [BITS+2:0] r;
    wire [BITS+BITS/8:0] w;
    wire [1:0] b;
    wire arvalid, arready, rvalid, rready, awvalid, awready, wvalid, wready, bvalid, bready;
    wire [7:0] lite_aw, lite_ar;
    wire [35:0] lite_w;
    reg [33:0] lite_r;
    wire lite_awvalid, lite_wvalid, lite_arvalid;
    reg lite_bvalid = 0, lite_rvalid = 0;
    link_end link_end (
        .clk(clk), .rst(rst), .rx(rx), .tx(tx), .memory_ready(1'b1), .late(), .half(),
        .ar__payload(ar), .ar__valid(arvalid), .ar__ready(arready),
        .r__payload(r), .r__valid(rvalid), .r__ready(rready),
        .aw__payload(aw), .aw__valid(awvalid), .aw__ready(awready),
        .w__payload(w), .w__valid(wvalid), .w__ready(wready),
        .b__payload(b), .b__valid(bvalid), .b__ready(bready),
        .lite__aw__payload(lite_aw), .lite__aw__valid(lite_awvalid), .lite__aw__ready(lite_taken),
        .lite__w__payload(lite_w), .lite__w__valid(lite_wvalid), .lite__w__ready(lite_taken),
        .lite__b__payload(2'b0), .lite__b__valid(lite_bvalid), .lite__b__ready(),
        .lite__ar__payload(lite_ar), .lite__ar__valid(lite_arvalid), .lite__ar__ready(1'b1),
        .lite__r__payload(lite_r), .lite__r__valid(lite_rvalid), .lite__r__ready()
    );
    memory #(.DATA_BITS(BITS), .SIZE(1 << 16)) memory (
        .clk(clk), .rst(rst), .stall(8'd0), .seed(32'd1), .load(load), .dump(dump),
        .dump_first(dump_first), .dump_last(dump_last), .flush(1'b0),
        .araddr(ar[31:0]), .arlen(ar[39:32]), .arvalid(arvalid), .arready(arready),
        .rdata(r[BITS-1:0]), .rresp(r[BITS+1:BITS]), .rlast(r[BITS+2]), .rvalid(rvalid), .rready(rready),
        .awaddr(aw[31:0]), .awlen(aw[39:32]), .awsize(3'($clog2(BITS / 8))), .awvalid(awvalid), .awready(awready),
        .wdata(w[BITS-1:0]), .wstrb(w[BITS+BITS/8-1:BITS]), .wlast(w[BITS+BITS/8]), .wvalid(wvalid), .wready(wready),
        .bresp(b), .bvalid(bvalid), .bready(bready)
    );

    // Register i reads as the sum of all that was written to it.
    reg [31:0] sums[0:63];
    wire lite_taken = lite_awvalid && lite_wvalid;
    initial for (int i = 0; i < 64; i++) sums[i] = 0;
    always @(posedge clk) begin
        lite_bvalid <= lite_taken;
        if (lite_taken) sums[lite_aw[7:2]] <= sums[lite_aw[7:2]] + lite_w[31:0];
        lite_rvalid <= lite_arvalid;
        lite_r <= {2'b0, sums[lite_ar[7:2]]};
    end
endmodule
