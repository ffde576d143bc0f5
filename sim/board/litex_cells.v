// Cells at the pads that LiteX uses and cells.v has not: behaviour without delays.

`timescale 1ns / 1ps

module TRELLIS_IO #(
    parameter DIR = "INPUT"
) (
    inout wire B,
    input wire I,
    input wire T,
    output wire O
);
    BB pad (.I(I), .T(T), .O(O), .B(B));
endmodule

module IFS1P3BX (input wire D, input wire SP, input wire SCLK, input wire PD, output reg Q);
    initial Q = 1;
    always @(posedge SCLK) if (PD) Q <= 1; else if (SP) Q <= D;
endmodule

module OFS1P3BX (input wire D, input wire SP, input wire SCLK, input wire PD, output reg Q);
    initial Q = 1;
    always @(posedge SCLK) if (PD) Q <= 1; else if (SP) Q <= D;
endmodule
