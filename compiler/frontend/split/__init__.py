"""What the array computes of a network, and what the host: heads, and the tail behind them."""
