// The accelerator with the identifiers that cocotbext-axi's memory insists on, always 0.

`timescale 1ns / 1ps

module axi_harness #(
    parameter DATA_BITS = 64
) (
    input clk,
    input rst,
    output irq,

    output m_axi_arid,
    output [31:0] m_axi_araddr,
    output [7:0] m_axi_arlen,
    output [2:0] m_axi_arsize,
    output [1:0] m_axi_arburst,
    output m_axi_arvalid,
    input m_axi_arready,
    input m_axi_rid,
    input [DATA_BITS-1:0] m_axi_rdata,
    input [1:0] m_axi_rresp,
    input m_axi_rlast,
    input m_axi_rvalid,
    output m_axi_rready,
    output m_axi_awid,
    output [31:0] m_axi_awaddr,
    output [7:0] m_axi_awlen,
    output [2:0] m_axi_awsize,
    output [1:0] m_axi_awburst,
    output m_axi_awvalid,
    input m_axi_awready,
    output [DATA_BITS-1:0] m_axi_wdata,
    output [DATA_BITS/8-1:0] m_axi_wstrb,
    output m_axi_wlast,
    output m_axi_wvalid,
    input m_axi_wready,
    input m_axi_bid,
    input [1:0] m_axi_bresp,
    input m_axi_bvalid,
    output m_axi_bready,

    input [7:0] s_axil_awaddr,
    input s_axil_awvalid,
    output s_axil_awready,
    input [31:0] s_axil_wdata,
    input [3:0] s_axil_wstrb,
    input s_axil_wvalid,
    output s_axil_wready,
    output [1:0] s_axil_bresp,
    output s_axil_bvalid,
    input s_axil_bready,
    input [7:0] s_axil_araddr,
    input s_axil_arvalid,
    output s_axil_arready,
    output [31:0] s_axil_rdata,
    output [1:0] s_axil_rresp,
    output s_axil_rvalid,
    input s_axil_rready
);
    assign m_axi_arid = 0;
    assign m_axi_awid = 0;
    `ACCELERATOR accelerator (.*);
endmodule
