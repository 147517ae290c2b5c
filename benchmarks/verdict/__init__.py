"""How far a verdict can be trusted, on simulated scores and on real fits."""
