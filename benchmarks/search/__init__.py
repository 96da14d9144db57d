"""What `benchmarks/search_speed.py` is made of."""
