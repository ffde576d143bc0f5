"""ONNX file to integer network: read, simplified pass by pass, and put into integers."""
