"""The drawer: figures in one style, with places in inches, and the file that each becomes."""
