// Gowin block RAM as hw/memories/gowin.py uses it, after Gowin UG285 ("Semi dual port mode"): port A
// writes, port B reads, 9, 18 or 36 bits wide, with the output register (READ_MODE 1).
module SDPX9B (
    input [35:0] DI,
    input [13:0] ADA, ADB,
    input [2:0] BLKSELA, BLKSELB,
    input CLKA, CEA, RESETA, CLKB, CEB, OCE, RESETB,
    output [35:0] DO
);
    parameter READ_MODE = 1'b0, BIT_WIDTH_0 = 36, BIT_WIDTH_1 = 36;
    parameter BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000, RESET_MODE = "SYNC";

    localparam BYTES = BIT_WIDTH_0 / 9;
    localparam LOW = BIT_WIDTH_0 == 36 ? 5 : BIT_WIDTH_0 == 18 ? 4 : 3;

    // Address pins below the word's number enable bytes where a word has several.
    wire [3:0] enables = BYTES > 1 ? ADA[3:0] : 4'b1;
    reg [8:0] bytes [0:2047];
    reg [35:0] word = 0, register = 0;
    integer index;
    initial for (index = 0; index < 2048; index = index + 1) bytes[index] = 0;
    initial if (BIT_WIDTH_0 != BIT_WIDTH_1 || BIT_WIDTH_0 % 9 != 0 || READ_MODE != 1) $fatal;

    always @(posedge CLKA)
        if (CEA && BLKSELA == BLK_SEL_0)
            for (index = 0; index < BYTES; index = index + 1)
                if (enables[index]) bytes[(ADA >> LOW) * BYTES + index] <= DI[9 * index +: 9];
    always @(posedge CLKB) begin
        if (RESETB) word <= 0;
        else if (CEB && BLKSELB == BLK_SEL_1)
            for (index = 0; index < BYTES; index = index + 1)
                word[9 * index +: 9] <= bytes[(ADB >> LOW) * BYTES + index];
        if (RESETB) register <= 0;
        else if (OCE) register <= word;
    end
    assign DO = register;
endmodule
