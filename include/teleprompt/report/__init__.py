"""What a period brought: improvements, decisions, spend, contributors, data."""
