"""From PyTorch to ONNX, and the proof that nothing changed."""
