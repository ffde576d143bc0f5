// The accelerator with its memory and clock; the control port is left to the test bench.
//
// The macro ACCELERATOR names the accelerator's module. The clock is made here, so that nothing
// outside of the model runs every cycle.

`timescale 1ns / 1ps

module harness #(
    parameter DATA_BITS = 64,
    parameter SIZE = 1 << 20
) (
    output reg clk  /*verilator public_flat_rd*/,
    input wire rst  /*verilator public_flat_rw*/,
    output wire irq  /*verilator public_flat_rd*/,

    input wire [7:0] stall  /*verilator public_flat_rw*/,
    input wire [31:0] seed  /*verilator public_flat_rw*/,
    input wire load  /*verilator public_flat_rw*/,
    input wire dump  /*verilator public_flat_rw*/,
    input wire [31:0] dump_first  /*verilator public_flat_rw*/,
    input wire [31:0] dump_last  /*verilator public_flat_rw*/,
    input wire flush  /*verilator public_flat_rw*/,

    input wire [7:0] s_axil_awaddr  /*verilator public_flat_rw*/,
    input wire s_axil_awvalid  /*verilator public_flat_rw*/,
    output wire s_axil_awready  /*verilator public_flat_rd*/,
    input wire [31:0] s_axil_wdata  /*verilator public_flat_rw*/,
    input wire [3:0] s_axil_wstrb  /*verilator public_flat_rw*/,
    input wire s_axil_wvalid  /*verilator public_flat_rw*/,
    output wire s_axil_wready  /*verilator public_flat_rd*/,
    output wire [1:0] s_axil_bresp  /*verilator public_flat_rd*/,
    output wire s_axil_bvalid  /*verilator public_flat_rd*/,
    input wire s_axil_bready  /*verilator public_flat_rw*/,
    input wire [7:0] s_axil_araddr  /*verilator public_flat_rw*/,
    input wire s_axil_arvalid  /*verilator public_flat_rw*/,
    output wire s_axil_arready  /*verilator public_flat_rd*/,
    output wire [31:0] s_axil_rdata  /*verilator public_flat_rd*/,
    output wire [1:0] s_axil_rresp  /*verilator public_flat_rd*/,
    output wire s_axil_rvalid  /*verilator public_flat_rd*/,
    input wire s_axil_rready  /*verilator public_flat_rw*/
);
    initial clk = 0;
    always #5 clk = !clk;

    // A register of our own: an input that reaches into the machine past no register makes Verilator
    // write all logic behind it a second time, for the changes between two edges of the clock.
    reg reset = 1;
    always @(posedge clk) reset <= rst;

    wire [31:0] araddr, awaddr;
    wire [7:0] arlen, awlen;
    wire [2:0] arsize, awsize;
    wire [1:0] arburst, awburst;
    wire arvalid, arready, rlast, rvalid, rready, awvalid, awready, wlast, wvalid, wready, bvalid, bready;
    wire [DATA_BITS-1:0] rdata, wdata;
    wire [DATA_BITS/8-1:0] wstrb;
    wire [1:0] rresp, bresp;

    `ACCELERATOR accelerator (
        .clk(clk),
        .rst(reset),
        .irq(irq),
        .m_axi_araddr(araddr),
        .m_axi_arlen(arlen),
        .m_axi_arsize(arsize),
        .m_axi_arburst(arburst),
        .m_axi_arvalid(arvalid),
        .m_axi_arready(arready),
        .m_axi_rdata(rdata),
        .m_axi_rresp(rresp),
        .m_axi_rlast(rlast),
        .m_axi_rvalid(rvalid),
        .m_axi_rready(rready),
        .m_axi_awaddr(awaddr),
        .m_axi_awlen(awlen),
        .m_axi_awsize(awsize),
        .m_axi_awburst(awburst),
        .m_axi_awvalid(awvalid),
        .m_axi_awready(awready),
        .m_axi_wdata(wdata),
        .m_axi_wstrb(wstrb),
        .m_axi_wlast(wlast),
        .m_axi_wvalid(wvalid),
        .m_axi_wready(wready),
        .m_axi_bresp(bresp),
        .m_axi_bvalid(bvalid),
        .m_axi_bready(bready),
        .s_axil_awaddr(s_axil_awaddr),
        .s_axil_awvalid(s_axil_awvalid),
        .s_axil_awready(s_axil_awready),
        .s_axil_wdata(s_axil_wdata),
        .s_axil_wstrb(s_axil_wstrb),
        .s_axil_wvalid(s_axil_wvalid),
        .s_axil_wready(s_axil_wready),
        .s_axil_bresp(s_axil_bresp),
        .s_axil_bvalid(s_axil_bvalid),
        .s_axil_bready(s_axil_bready),
        .s_axil_araddr(s_axil_araddr),
        .s_axil_arvalid(s_axil_arvalid),
        .s_axil_arready(s_axil_arready),
        .s_axil_rdata(s_axil_rdata),
        .s_axil_rresp(s_axil_rresp),
        .s_axil_rvalid(s_axil_rvalid),
        .s_axil_rready(s_axil_rready)
    );

    memory #(
        .DATA_BITS(DATA_BITS),
        .SIZE(SIZE)
    ) memory (
        .clk(clk),
        .rst(rst),
        .stall(stall),
        .seed(seed),
        .load(load),
        .dump(dump),
        .dump_first(dump_first),
        .dump_last(dump_last),
        .flush(flush),
        .araddr(araddr),
        .arlen(arlen),
        .arvalid(arvalid),
        .arready(arready),
        .rdata(rdata),
        .rresp(rresp),
        .rlast(rlast),
        .rvalid(rvalid),
        .rready(rready),
        .awaddr(awaddr),
        .awlen(awlen),
        .awsize(awsize),
        .awvalid(awvalid),
        .awready(awready),
        .wdata(wdata),
        .wstrb(wstrb),
        .wlast(wlast),
        .wvalid(wvalid),
        .wready(wready),
        .bresp(bresp),
        .bvalid(bvalid),
        .bready(bready)
    );

    // Only what the memory takes for granted.
    always @(posedge clk)
        if (!rst) begin
            if (arvalid && (arburst != 2'b01 || arsize != $clog2(DATA_BITS / 8)))
                $error("harness: a read burst is not incrementing or not of full beats");
            if (awvalid && awburst != 2'b01) $error("harness: a write burst is not incrementing");
        end
endmodule
