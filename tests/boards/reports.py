"""A small design, and reports such as the tools write."""

ACCUMULATOR = """\
module accumulator(clk, rst, x, total);
  input clk;
  input rst;
  input [15:0] x;
  output [23:0] total;
  reg [23:0] total;
  always @(posedge clk)
    if (rst) total <= 0; else total <= total + x;
endmodule
"""

STATISTICS = {"design": {"num_cells_by_type": {"LUT4": 3, "TRELLIS_FF": 2}}}
REPORT = {
    "fmax": {"$glbnet$clk": {"achieved": 123.456, "constraint": 100}},
    "utilization": {"TRELLIS_COMB": {"available": 24288, "used": 15}, "DP16KD": {"used": 2}},
}
