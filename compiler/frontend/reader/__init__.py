"""ONNX files as they are: parsed, checked for their form, external tensors brought in."""
