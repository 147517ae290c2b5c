"""Pages and charts of evaluation results."""
