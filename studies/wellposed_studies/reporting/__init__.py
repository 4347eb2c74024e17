"""What documents and the terminal show of finished results."""
