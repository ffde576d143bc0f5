"""From a netlist to places and routes, where a device is nearly full or the netlist large."""
