// LiteDRAM's core for SDR (litedram_gen, without a CPU) between the AXI4 port and the memory's pins.
//
// The module is the macro LITEDRAM, with ECP5's cells at its pads (cells.v, litex_cells.v); they and the
// wires take no time, and the memory's clock comes +phase=N ps after the core's (default: PHASE_PS).
// What software would send to start the memory is sent here over its control port; the registers'
// addresses are macros.

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
    output reg ready,
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
    localparam INCREMENTING = 2'b01;
    localparam CONTROL_HARDWARE = 1, CONTROL_CKE = 2 | 4 | 8;
    localparam SELECT = 1, WRITE_ENABLE = 2, COLUMN_STROBE = 4, ROW_STROBE = 8;
    reg [29:0] control_address;
    reg [31:0] control_data;
    reg control_valid = 0;
    wire control_ack;
    `LITEDRAM core (
        .clk(clk), .rst(rst), .init_done(), .init_error(), .user_clk(), .user_rst(),
        .sdram_a(address), .sdram_ba(bank), .sdram_cas_n(cas_n), .sdram_cke(cke), .sdram_cs_n(cs_n),
        .sdram_dm(mask), .sdram_dq(dq), .sdram_ras_n(ras_n), .sdram_we_n(we_n),
        .user_port_axi_0_araddr(araddr), .user_port_axi_0_arburst(INCREMENTING),
        .user_port_axi_0_arid(1'b0), .user_port_axi_0_arlen(arlen), .user_port_axi_0_arready(arready),
        .user_port_axi_0_arsize($clog2(BEAT / 8)), .user_port_axi_0_arvalid(arvalid),
        .user_port_axi_0_awaddr(awaddr), .user_port_axi_0_awburst(INCREMENTING),
        .user_port_axi_0_awid(1'b0), .user_port_axi_0_awlen(awlen), .user_port_axi_0_awready(awready),
        .user_port_axi_0_awsize($clog2(BEAT / 8)), .user_port_axi_0_awvalid(awvalid),
        .user_port_axi_0_bid(), .user_port_axi_0_bready(bready), .user_port_axi_0_bresp(),
        .user_port_axi_0_bvalid(bvalid), .user_port_axi_0_rdata(rdata), .user_port_axi_0_rid(),
        .user_port_axi_0_rlast(rlast), .user_port_axi_0_rready(rready), .user_port_axi_0_rresp(rresp),
        .user_port_axi_0_rvalid(rvalid), .user_port_axi_0_wdata(wdata), .user_port_axi_0_wlast(wlast),
        .user_port_axi_0_wready(wready), .user_port_axi_0_wstrb(wstrb),
        .user_port_axi_0_wvalid(wvalid),
        .wb_ctrl_ack(control_ack), .wb_ctrl_adr(control_address), .wb_ctrl_bte(2'b0),
        .wb_ctrl_cti(3'b0), .wb_ctrl_cyc(control_valid), .wb_ctrl_dat_r(),
        .wb_ctrl_dat_w(control_data), .wb_ctrl_err(), .wb_ctrl_sel(4'hf),
        .wb_ctrl_stb(control_valid), .wb_ctrl_we(1'b1)
    );

    task set(input [31:0] register, input [31:0] value);
        control_address <= register[31:2];
        control_data <= value;
        control_valid <= 1;
        @(posedge clk);
        while (!control_ack) @(posedge clk);
        control_valid <= 0;
        @(posedge clk);
    endtask
    task command(input [31:0] what, input [31:0] value);
        set(`LITEDRAM_ADDRESS, value);
        set(`LITEDRAM_BANK, 0);
        set(`LITEDRAM_COMMAND, what);
        set(`LITEDRAM_ISSUE, 1);
        repeat (20) @(posedge clk);
    endtask
    initial begin
        ready = 0;
        @(negedge rst);
        set(`LITEDRAM_CONTROL, CONTROL_CKE);
        #(210_000);  // an SDRAM's wait after power-up
        @(posedge clk);
        command(SELECT | ROW_STROBE | WRITE_ENABLE, 1 << 10);
        command(SELECT | ROW_STROBE | COLUMN_STROBE, 0);
        command(SELECT | ROW_STROBE | COLUMN_STROBE, 0);
        command(SELECT | ROW_STROBE | COLUMN_STROBE | WRITE_ENABLE, `LITEDRAM_MODE);
        set(`LITEDRAM_CONTROL, CONTROL_HARDWARE);
        set(`LITEDRAM_DONE, 1);  // its ports are closed until then
        ready <= 1;
    end

    int phase_ps = PHASE_PS;
    real phase;
    initial begin
        if ($value$plusargs("phase=%d", phase_ps)) ;
        phase = phase_ps / 1000.0;
        memory_clk = 0;
        @(posedge clk) #(phase);
        forever begin
            memory_clk = 1;
            #(PERIOD_PS / 2000.0) memory_clk = 0;
            #(PERIOD_PS / 2000.0);
        end
    end
endmodule
