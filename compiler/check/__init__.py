"""Is the integer network what the ONNX file says? The file computed again, and compared."""
