"""What a section shows beside its checks: one module per section, each a function from a run to exhibits."""
