"""Stage evaluate: metrics with intervals from stored scores, and decisions by each threshold rule.

No model is loaded here, so that a new metric or threshold retrains nothing.
"""

from __future__ import annotations

from counterpoise.core import files, paths
from counterpoise.core.errors import guarded
from counterpoise.engine.cell_store import open_store
from counterpoise.engine.stage_inputs import stage
from counterpoise.evaluation import dataset_tables
from counterpoise.models.combinations import cells
from counterpoise.tracking import manifest


def main() -> None:
    """Evaluate one dataset and write its tables, facts and manifest."""
    with stage("evaluate", __doc__) as (params, name), open_store() as store:
        evaluation = dataset_tables.of_dataset(name, params, store)
        folder = paths.evaluation(name)
        for title, content in evaluation.tables.items():
            files.write_csv(folder / f"{title}.csv", content)
        files.write_json(folder / "dataset.json", evaluation.facts)
        manifest.write(name, params, evaluation.stored, store)
        print(f"{name}: {evaluation.evaluated} of {len(cells(params))} combinations evaluated")


if __name__ == "__main__":
    raise SystemExit(guarded(main)())
