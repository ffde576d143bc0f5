"""What a quantiser makes of sums and of codes: thresholds, tables, products, sums of tables."""
