"""What the tests and the benchmarks both start: real servers, and the process trees they live in."""
