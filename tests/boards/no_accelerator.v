// In the accelerator's place: registers that hold what was written to them, and a memory port that
// moves one word to the next place now and then, so that nothing of the port is left out.
module accelerator (
    input clk, input rst, output irq,
    input [7:0] s_axil_awaddr, input s_axil_awvalid, output s_axil_awready,
    input [31:0] s_axil_wdata, input [3:0] s_axil_wstrb, input s_axil_wvalid, output s_axil_wready,
    output [1:0] s_axil_bresp, output reg s_axil_bvalid, input s_axil_bready,
    input [7:0] s_axil_araddr, input s_axil_arvalid, output s_axil_arready,
    output reg [31:0] s_axil_rdata, output [1:0] s_axil_rresp, output reg s_axil_rvalid, input s_axil_rready,
    output reg [31:0] m_axi_araddr, output reg [7:0] m_axi_arlen, output [2:0] m_axi_arsize,
    output [1:0] m_axi_arburst, output reg m_axi_arvalid, input m_axi_arready,
    input [63:0] m_axi_rdata, input [1:0] m_axi_rresp, input m_axi_rlast, input m_axi_rvalid, output m_axi_rready,
    output reg [31:0] m_axi_awaddr, output [7:0] m_axi_awlen, output [2:0] m_axi_awsize,
    output [1:0] m_axi_awburst, output reg m_axi_awvalid, input m_axi_awready,
    output reg [63:0] m_axi_wdata, output reg [7:0] m_axi_wstrb, output m_axi_wlast, output reg m_axi_wvalid,
    input m_axi_wready, input [1:0] m_axi_bresp, input m_axi_bvalid, output m_axi_bready
);
    assign irq = 0, s_axil_bresp = 0, s_axil_rresp = 0;
    assign m_axi_arsize = 3, m_axi_awsize = 3, m_axi_arburst = 1, m_axi_awburst = 1;
    assign m_axi_awlen = 0, m_axi_wlast = 1, m_axi_rready = 1, m_axi_bready = 1;
    assign s_axil_arready = !s_axil_rvalid;
    assign s_axil_awready = s_axil_awvalid && s_axil_wvalid && !s_axil_bvalid;
    assign s_axil_wready = s_axil_awready;
    reg [31:0] registers[0:15];
    always @(posedge clk) begin
        if (s_axil_awready) registers[s_axil_awaddr[5:2]] <= s_axil_wdata;
        s_axil_bvalid <= s_axil_awready || s_axil_bvalid && !s_axil_bready;
        if (s_axil_arvalid && s_axil_arready) s_axil_rdata <= registers[s_axil_araddr[5:2]];
        s_axil_rvalid <= s_axil_arvalid && s_axil_arready || s_axil_rvalid && !s_axil_rready;
        if (m_axi_arready) m_axi_arvalid <= 0;
        if (m_axi_awready) m_axi_awvalid <= 0;
        if (m_axi_wready) m_axi_wvalid <= 0;
        if (s_axil_awready && s_axil_awaddr[7]) begin
            m_axi_araddr <= s_axil_wdata;
            m_axi_arlen <= s_axil_awaddr[6:2];
            m_axi_arvalid <= 1;
        end
        if (m_axi_rvalid) begin
            m_axi_awaddr <= m_axi_araddr + 8;
            m_axi_wdata <= m_axi_rdata;
            m_axi_wstrb <= {8{m_axi_rlast}};
            m_axi_awvalid <= 1;
            m_axi_wvalid <= 1;
        end
        if (rst) begin
            s_axil_bvalid <= 0;
            s_axil_rvalid <= 0;
            m_axi_arvalid <= 0;
            m_axi_awvalid <= 0;
            m_axi_wvalid <= 0;
        end
    end
endmodule
