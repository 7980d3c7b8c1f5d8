"""The methods on the test that people took: Lake et al.'s twenty runs, 20-way 1-shot, each within an alphabet.

Every shipped method that can tell 20 classes apart has a row, pixels as well. All were trained on other alphabets. The
wide network (tools/people.py) has two: it reads every drawing once, or nine copies of it, shifted by up to a pixel.
People err on 4.5 % of these drawings, Lake et al.'s program on 3.3 % (Lake et al., 2015, Science 350, 1332-1338).

    python benchmarks/people.py
"""

from __future__ import annotations

import argparse

import torch

from metalearn_course import MetaLearner, NearestNeighbor, characters, evaluate, lake_runs, pretrained, pretrained_wide
from metalearn_course.authoring.results import save
from metalearn_course.tasks.lake_runs import PEOPLE, PROGRAM

COMPARING = ("prototypical", "matching", "siamese", "relation")  # the others were built for five ways


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    torch.set_num_threads(1)
    data, runs = characters("omniglot"), lake_runs()
    methods: dict[str, MetaLearner] = {name: pretrained(name, data) for name in COMPARING}
    methods |= {"wide": pretrained_wide(), "wide, nine copies": pretrained_wide(shifted=True)}
    rows = {"people": {"error": PEOPLE}, "program": {"error": PROGRAM}}
    for name, method in {"pixels": NearestNeighbor(), **methods}.items():
        result = evaluate(method, runs, episodes=len(runs))
        rows[name] = {"error": 1 - result.mean, "interval": result.interval}
        print(f"{name}: errs on {1 - result.mean:.1%} ± {result.interval:.1%}", flush=True)
    save("people_omniglot", rows)


if __name__ == "__main__":
    main()
