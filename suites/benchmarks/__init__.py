"""What the benchmarks share: how much is run, what runs alternately, and how results are kept.

The benchmarks themselves are `suites/bench_*.py`: training, conversion, inference, loading.

    pytest suites -o python_files=bench_*.py --artefacts DIR --benchmark-json out/benchmarks.json
    pytest suites -o python_files=bench_*.py --artefacts DIR --bench-form full --benchmark-json out/full.json
    python -m suites.benchmarks.results out/full.json --out benchmarks/results

They assert that what is compared gives the same result, and never how long anything took.
"""
