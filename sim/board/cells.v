// Cells of ECP5 at the pads, and its PLL, as far as a board design uses them: behaviour without delays.

`timescale 1ns / 1ps

module IB (input wire I, output wire O);
    assign O = I;
endmodule

module OBZ (input wire I, input wire T, output wire O);
    assign O = T ? 1'bz : I;
endmodule

// What comes in arrives +read_delay=N ps after it was on the wire, however long that is; nothing is
// looked at while the pad drives.
module BB (input wire I, input wire T, output wire O, inout wire B);
    assign B = T ? 1'bz : I;
    int ps = 0;
    real delay;
    initial begin
        if ($value$plusargs("read_delay=%d", ps)) ;
        delay = ps / 1000.0;
    end
    reg late = 0, levels[$];
    realtime arrivals[$];
    event leaves;
    always @(B or T)
        if (T) begin
            levels.push_back(B);
            arrivals.push_back($realtime + delay);
            ->leaves;
        end
    initial
        forever begin
            while (arrivals.size() == 0) @(leaves);
            #(arrivals.pop_front() - $realtime);
            late = levels.pop_front();
        end
    assign O = late;
endmodule

module IFS1P3DX (input wire D, input wire SP, input wire SCLK, input wire CD, output reg Q);
    initial Q = 0;
    always @(posedge SCLK) if (CD) Q <= 0; else if (SP) Q <= D;
endmodule

module OFS1P3DX (input wire D, input wire SP, input wire SCLK, input wire CD, output reg Q);
    initial Q = 0;
    always @(posedge SCLK) if (CD) Q <= 0; else if (SP) Q <= D;
endmodule

module FD1S3AX (input wire D, input wire CK, output reg Q);
    initial Q = 0;
    always @(posedge CK) Q <= D;
endmodule

module FD1S3BX (input wire D, input wire CK, input wire PD, output reg Q);
    initial Q = 1;
    always @(posedge CK or posedge PD) if (PD) Q <= 1; else Q <= D;
endmodule

// D0 while the clock is high, D1 while it is low.
module ODDRX1F (input wire D0, input wire D1, input wire SCLK, input wire RST, output wire Q);
    reg high = 0, low = 0;
    always @(posedge SCLK) begin
        high <= RST ? 1'b0 : D0;
        low <= RST ? 1'b0 : D1;
    end
    assign Q = SCLK ? high : low;
endmodule

// CLKOS is behind CLKOP by the difference of their phases, or by +memory_phase=N ps. CLKOP is fed back,
// or CLKOS2 within the PLL, whose output is not modelled then.
module EHXPLLL #(
    parameter CLKI_DIV = 1,
    parameter CLKFB_DIV = 1,
    parameter CLKOP_DIV = 8,
    parameter CLKOS_DIV = 8,
    parameter CLKOP_CPHASE = 0,
    parameter CLKOP_FPHASE = 0,
    parameter CLKOS_CPHASE = 0,
    parameter CLKOS_FPHASE = 0,
    parameter CLKOP_ENABLE = "ENABLED",
    parameter CLKOS_ENABLE = "DISABLED",
    parameter CLKOS2_DIV = 8,
    parameter CLKOS2_CPHASE = 0,
    parameter CLKOS2_FPHASE = 0,
    parameter CLKOS2_ENABLE = "DISABLED",
    parameter FEEDBK_PATH = "CLKOP",
    parameter PLLRST_ENA = "DISABLED",
    parameter INTFB_WAKE = "DISABLED",
    parameter STDBY_ENABLE = "DISABLED",
    parameter DPHASE_SOURCE = "DISABLED",
    parameter OUTDIVIDER_MUXA = "DIVA",
    parameter OUTDIVIDER_MUXB = "DIVB",
    parameter OUTDIVIDER_MUXC = "DIVC",
    parameter OUTDIVIDER_MUXD = "DIVD"
) (
    input wire CLKI,
    input wire CLKFB,
    input wire RST,
    input wire STDBY,
    input wire PHASESEL0,
    input wire PHASESEL1,
    input wire PHASEDIR,
    input wire PHASESTEP,
    input wire PHASELOADREG,
    input wire PLLWAKESYNC,
    input wire ENCLKOP,
    output reg CLKOP,
    output reg CLKOS,
    output wire CLKOS2,
    output reg LOCK
);
    realtime first, oscillator, behind;
    int ps;
    initial begin
        CLKOP = 0;
        CLKOS = 0;
        LOCK = 0;
        if (FEEDBK_PATH != "CLKOP" && FEEDBK_PATH != "INT_OS2")
            $fatal(1, "EHXPLLL: this model feeds CLKOP or CLKOS2 back");
        @(posedge CLKI) first = $realtime;
        @(posedge CLKI);
        oscillator = ($realtime - first) * CLKI_DIV / CLKFB_DIV
            / (FEEDBK_PATH == "CLKOP" ? CLKOP_DIV : CLKOS2_DIV);
        if (oscillator < 1.249 || oscillator > 2.501)
            $fatal(1, "EHXPLLL: an oscillator of %f MHz; 400 to 800 are allowed", 1000 / oscillator);
        behind = (CLKOS_CPHASE - CLKOP_CPHASE + (CLKOS_FPHASE - CLKOP_FPHASE) / 8.0) * oscillator;
        if ($value$plusargs("memory_phase=%d", ps)) behind = ps / 1000.0;
        if (behind < 0) behind = behind + oscillator * CLKOS_DIV;
        fork
            forever begin
                CLKOP = 1;
                #(oscillator * CLKOP_DIV / 2) CLKOP = 0;
                #(oscillator * CLKOP_DIV / 2);
            end
            begin
                #(behind);
                forever begin
                    CLKOS = 1;
                    #(oscillator * CLKOS_DIV / 2) CLKOS = 0;
                    #(oscillator * CLKOS_DIV / 2);
                end
            end
            #1000 LOCK = 1;
        join
    end
endmodule
