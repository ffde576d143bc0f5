"""ONNX to program: the front end makes an integer network, the back end schedules it."""
