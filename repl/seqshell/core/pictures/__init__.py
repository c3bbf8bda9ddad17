"""What events look like outside a terminal: a page of blocks, written as HTML, SVG or PNG."""
