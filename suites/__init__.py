"""The checks (pytest), the table they are judged by, and the records they leave."""
