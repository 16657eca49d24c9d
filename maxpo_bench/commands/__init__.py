"""What the commands of `maxpo-bench` do, one file each; `maxpo_bench.cli` declares their flags."""
