// ECP5 multiplier as hw/compute/multiplier.py uses it, after Lattice FPGA-TN-02205: unsigned factors
// from the pins, and registers in front of it, in it and behind it where they have a clock.
module MULT18X18D (
    input A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16, A17,
    input B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, B10, B11, B12, B13, B14, B15, B16, B17,
    input CLK0, CE0, RST0, SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    output P0, P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11, P12, P13, P14, P15, P16, P17,
    output P18, P19, P20, P21, P22, P23, P24, P25, P26, P27, P28, P29, P30, P31, P32, P33, P34, P35
);
    parameter REG_INPUTA_CLK = "NONE", REG_INPUTA_CE = "CE0", REG_INPUTA_RST = "RST0";
    parameter REG_INPUTB_CLK = "NONE", REG_INPUTB_CE = "CE0", REG_INPUTB_RST = "RST0";
    parameter REG_PIPELINE_CLK = "NONE", REG_PIPELINE_CE = "CE0", REG_PIPELINE_RST = "RST0";
    parameter REG_OUTPUT_CLK = "NONE", REG_OUTPUT_CE = "CE0", REG_OUTPUT_RST = "RST0";
    parameter CLK0_DIV = "ENABLED", RESETMODE = "SYNC", GSR = "ENABLED", SOURCEB_MODE = "B_SHIFT";

    wire [17:0] a = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
    wire [17:0] b = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};

    reg [17:0] left = 0, right = 0;
    reg [35:0] halfway = 0, product = 0;
    wire [17:0] x = REG_INPUTA_CLK == "CLK0" ? left : a, y = REG_INPUTB_CLK == "CLK0" ? right : b;
    wire [35:0] made = x * y;
    wire [35:0] later = REG_PIPELINE_CLK == "CLK0" ? halfway : made;
    wire [35:0] shown = REG_OUTPUT_CLK == "CLK0" ? product : later;

    always @(posedge CLK0)
        if (RST0) begin
            left <= 0; right <= 0; halfway <= 0; product <= 0;
        end else if (CE0) begin
            left <= a; right <= b; halfway <= made; product <= later;
        end
    always @(posedge CLK0) if (SIGNEDA || SIGNEDB || SOURCEA || SOURCEB) $fatal;

    assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
            P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = shown;
endmodule
