"""How a network gets small: quantisers, training, evaluation and QONNX export (PyTorch)."""
