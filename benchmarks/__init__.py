"""What captiond costs, as ratios to something else measured in the same run."""
