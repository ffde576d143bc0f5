"""Few bits without labels: an imported graph with quantisers, taught by the float network."""
