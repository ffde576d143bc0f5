"""Records and the pages that are made from them."""
