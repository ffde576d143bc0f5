// In the accelerator's place: the busiest manager that a memory port can have. Register 0 says what
// it does: 7:0 and 15:8 the beats less one of its reads and writes, bit 16 and 17 whether it does
// any. It reads the first 64 KB, and writes 0 to the second ones.
module accelerator (
    input clk, input rst, output irq,
    input [7:0] s_axil_awaddr, input s_axil_awvalid, output s_axil_awready,
    input [31:0] s_axil_wdata, input [3:0] s_axil_wstrb, input s_axil_wvalid, output s_axil_wready,
    output [1:0] s_axil_bresp, output reg s_axil_bvalid, input s_axil_bready,
    input [7:0] s_axil_araddr, input s_axil_arvalid, output s_axil_arready,
    output [31:0] s_axil_rdata, output [1:0] s_axil_rresp, output reg s_axil_rvalid, input s_axil_rready,
    output [31:0] m_axi_araddr, output reg [7:0] m_axi_arlen, output [2:0] m_axi_arsize,
    output [1:0] m_axi_arburst, output reg m_axi_arvalid, input m_axi_arready,
    input [63:0] m_axi_rdata, input [1:0] m_axi_rresp, input m_axi_rlast, input m_axi_rvalid, output m_axi_rready,
    output [31:0] m_axi_awaddr, output [7:0] m_axi_awlen, output [2:0] m_axi_awsize,
    output [1:0] m_axi_awburst, output reg m_axi_awvalid, input m_axi_awready,
    output [63:0] m_axi_wdata, output [7:0] m_axi_wstrb, output m_axi_wlast, output m_axi_wvalid,
    input m_axi_wready, input [1:0] m_axi_bresp, input m_axi_bvalid, output m_axi_bready
);
    assign irq = 0, s_axil_bresp = 0, s_axil_rresp = 0, s_axil_rdata = does;
    assign m_axi_arsize = 3, m_axi_awsize = 3, m_axi_arburst = 1, m_axi_awburst = 1;
    assign m_axi_rready = 1, m_axi_bready = 1;
    assign m_axi_wdata = 0, m_axi_wstrb = 8'hff;
    reg [31:0] does;
    assign s_axil_arready = !s_axil_rvalid;
    assign s_axil_awready = s_axil_awvalid && s_axil_wvalid && !s_axil_bvalid;
    assign s_axil_wready = s_axil_awready;
    reg [6:0] page, written_page;  // each burst is in another one
    reg [7:0] beat;
    reg [4:0] open;  // writes whose address has been taken, and whose beats have not
    assign m_axi_araddr = {page, 9'b0};
    reg [7:0] length;  // of writes: changes when none is under way
    assign m_axi_awaddr = {1'b1, written_page, 9'b0}, m_axi_awlen = length;
    assign m_axi_wvalid = open != 0, m_axi_wlast = beat == length;
    wire begins = m_axi_awvalid && m_axi_awready, moves = m_axi_wvalid && m_axi_wready;
    always @(posedge clk) begin
        if (s_axil_awready) does <= s_axil_wdata;
        s_axil_bvalid <= s_axil_awready || s_axil_bvalid && !s_axil_bready;
        s_axil_rvalid <= s_axil_arvalid && s_axil_arready || s_axil_rvalid && !s_axil_rready;
        if (!m_axi_arvalid || m_axi_arready) begin
            m_axi_arvalid <= does[16];
            m_axi_arlen <= does[7:0];
        end
        if (m_axi_arvalid && m_axi_arready) page <= page + 1;
        if (!m_axi_awvalid && open == 0) length <= does[15:8];
        if (!m_axi_awvalid || m_axi_awready) m_axi_awvalid <= does[17] && length == does[15:8] && open < 14;
        if (begins) written_page <= written_page + 1;
        if (moves) beat <= m_axi_wlast ? 0 : beat + 1;
        open <= open + begins - (moves && m_axi_wlast);
        if (rst) begin
            does <= 0;
            page <= 0;
            written_page <= 0;
            beat <= 0;
            open <= 0;
            s_axil_bvalid <= 0;
            s_axil_rvalid <= 0;
            m_axi_arvalid <= 0;
            m_axi_awvalid <= 0;
        end
    end
endmodule
