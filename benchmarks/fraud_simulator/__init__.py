"""The simulated card payments of the Fraud Detection Handbook, and its comparison run again."""
