// A host's end of a serial line, by queues of bytes.
//
// `give` changes: the first `given` bytes of `bytes` are to be sent. `want` changes: `enough` changes
// when `wanted` bytes have come or `patience` ns have passed, and then `taken` of them, at most
// `wanted`, are in `answer`. With `unheard`, all that has come is thrown away first.

`timescale 1ns / 1ps

module line_host #(
    parameter real BIT_NS = 100,
    parameter BYTES = 256
) (
    output reg tx,
    input wire rx,
    input wire give,
    input wire [8*BYTES-1:0] bytes,
    input wire [15:0] given,
    input wire want,
    input wire [15:0] wanted,
    input wire [31:0] patience,
    output reg enough,
    output reg [8*BYTES-1:0] answer,
    output reg [15:0] taken
);
    reg [7:0] out[$], in[$];
    reg [7:0] leaves, comes;
    event something, came;
    initial begin
        tx = 1;
        enough = 0;
        taken = 0;
    end
    always @(give) begin
        for (int i = 0; i < int'(given); i++) out.push_back(bytes[8*i+:8]);
        ->something;
    end
    initial
        forever begin
            while (out.size() == 0) @(something);
            leaves = out.pop_front();
            tx = 0;
            #(BIT_NS);
            for (int i = 0; i < 8; i++) begin
                tx = leaves[i];
                #(BIT_NS);
            end
            tx = 1;
            #(BIT_NS);
        end
    initial begin
        #1000;  // the board's pads are not yet what they will be
        forever begin
            @(negedge rx);
            #(BIT_NS * 1.5);
            for (int i = 0; i < 8; i++) begin
                comes[i] = rx;
                #(BIT_NS);
            end
            if (rx) in.push_back(comes);
            ->came;
        end
    end
    realtime until_time;
    always @(want) begin
        until_time = $realtime + patience;
        fork
            begin : waiting
                while (in.size() < int'(wanted) && $realtime < until_time) @(came);
            end
            #(patience);
        join_any
        disable fork;
        taken = 16'(in.size() < int'(wanted) ? in.size() : int'(wanted));
        for (int i = 0; i < int'(taken); i++) answer[8*i+:8] = in.pop_front();
        enough = !enough;
    end
endmodule
