"""The MLflow view of the results that DVC holds."""
