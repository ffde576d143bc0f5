"""Reports such as the tools write."""

STATISTICS = {"design": {"num_cells_by_type": {"LUT4": 3, "TRELLIS_FF": 2}}}
REPORT = {
    "fmax": {"$glbnet$clk": {"achieved": 123.456, "constraint": 100}},
    "utilization": {"TRELLIS_COMB": {"available": 24288, "used": 15}, "DP16KD": {"used": 2}},
}
