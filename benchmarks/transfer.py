"""How far does what was learned carry? The same trained networks on tasks that resemble their training less and less.

Trained on ten drawings each of four fifths of Omniglot's training classes, with the same steps: a prototypical network,
a classifier, whose frozen features then serve a nearest mean or a logistic regression, and a broader classifier, which
saw the training pictures by artists as well, in gray. Then 5-way tasks with 1 and 5 shots: new drawings of the known
classes, new classes of known alphabets, new alphabets, those turned by 90 degrees, glyphs, the test pictures in gray,
and five invented symbols (the learner's own, where there are some).

In color, a prototypical network and a classifier are trained on things drawn by four artists, and asked about the same
things by the two others, about other things by the four, and about other things by the two. How hard these tasks are in
themselves, says a prototypical network that saw all six artists in training.

    python benchmarks/transfer.py [--of characters pictures] [--seeds 0 1 2] [--steps 1500] [--tasks 300]

Every number is the mean over the training seeds, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from metalearn_course import (
    Characters,
    Episodes,
    FineTuned,
    LogisticRegression,
    MetaLearner,
    NearestNeighbor,
    Prototypical,
    characters,
    conv_strided,
    evaluate,
    meta_train,
    my_symbols,
    pictures,
)
from metalearn_course.authoring.results import save
from metalearn_course.tasks import ImageClasses

FEATURES, DRAWINGS = 64, 10  # drawings of a known class that are trained on; the others are new
HANDS, OTHERS = ("noto", "twemoji", "fluent", "emojione"), ("noto-v1", "openmoji")


class NearestMean(Prototypical):
    """The nearest class mean, by features of length 1 of a network that is frozen."""

    def embed(self, x: Tensor) -> Tensor:
        """(n, d)."""
        return F.normalize(self.encoder(x), dim=-1)


def parts(data: Characters) -> dict[str, ImageClasses]:
    """What is trained on, and what is asked about, as classes of images of one form."""
    known, fresh = fifths(data.splits["train"])
    test = data.images[data.splits["test"]]
    drawn = gray_pictures()
    return {
        "trained on": of_images(data.images[known, :DRAWINGS]),
        "new drawings, known classes": of_images(data.images[known, DRAWINGS:]),
        "new classes, known alphabets": of_images(data.images[fresh, DRAWINGS:]),
        "new alphabets": of_images(test),
        "new alphabets, turned": of_images(test.rot90(dims=(-2, -1))),
        "glyphs": of_images(characters("glyphs").images),
        "pictures in gray": of_images(drawn["test"]),
        "own symbols": of_images(my_symbols().images),
    } | {"also trained on": of_images(drawn["train"])}


def fifths(ids: Tensor) -> tuple[Tensor, Tensor]:
    """Four fifths of the class ids, and the rest: every fifth one."""
    rest = torch.arange(len(ids)) % 5 == 4
    return ids[~rest], ids[rest]


def of_images(images: Tensor) -> ImageClasses:
    """Images uint8 (classes, examples, 28, 28) as classes, all in one split."""
    classes, examples = images.shape[:2]
    flat, counts = images.flatten(0, 1)[:, None].contiguous(), torch.full((classes,), examples)
    return ImageClasses(flat, counts, [str(i) for i in range(classes)], {"all": torch.arange(classes)}, "images")


def both(one: ImageClasses, other: ImageClasses) -> ImageClasses:
    """The classes of two, in one split."""
    counts = torch.cat([one.counts, other.counts])
    names, ids = [str(i) for i in range(len(counts))], {"all": torch.arange(len(counts))}
    return ImageClasses(torch.cat([one.images, other.images]), counts, names, ids, "both")


def gray_pictures() -> Mapping[str, Tensor]:
    """The pictures by artists as ink on paper: uint8 (classes, 6, 28, 28) of the training and the test split."""
    data = pictures(gray=True)
    stacked = data.images[:, 0].unflatten(0, (len(data.counts), -1))
    return {name: stacked[data.splits[name]] for name in ("train", "test")}


def train(method: MetaLearner, data: ImageClasses, split: str, steps: int, seed: int) -> MetaLearner:
    """On 60-way 1-shot episodes, as the course's shipped encoders."""
    episodes = Episodes(data, ways=60, shots=1, queries=2, split=split)
    meta_train(method, episodes, steps, meta_batch=1, lr=2e-3, anneal=True, seed=seed, progress=False)
    return method


def prototypical(data: ImageClasses, split: str, steps: int, seed: int, **form: int) -> Prototypical:
    """A network trained by its episodes."""
    torch.manual_seed(seed)
    method = Prototypical(conv_strided(FEATURES, norm="running", **form))
    train(method, data, split, steps, seed)
    return method


def classifier(data: ImageClasses, split: str, steps: int, seed: int, **form: int) -> nn.Module:
    """The encoder of a network that was trained to tell all classes apart."""
    torch.manual_seed(seed)
    encoder = conv_strided(FEATURES, norm="running", **form)
    method = FineTuned(nn.Identity(), features=FEATURES, classes=len(data.counts), encoder=encoder)
    train(method, data, split, steps, seed)
    return encoder


def measured(method: MetaLearner, data: ImageClasses, split: str, shots: int, tasks: int) -> float:
    """Accuracy on 5-way tasks; as many queries a class as there are images, up to five."""
    queries = min(5, int(data.counts.min()) - shots)
    return evaluate(method, Episodes(data, 5, shots, queries, split), episodes=tasks, seed=1).mean


def summary(accuracies: list[float]) -> dict[str, float]:
    """Mean, lowest and highest over the training seeds."""
    return {"mean": sum(accuracies) / len(accuracies), "low": min(accuracies), "high": max(accuracies)}


def in_gray(seeds: list[int], steps: int, tasks: int) -> list[dict]:
    """A row for each kind of task, number of shots and method."""
    data = parts(characters("omniglot"))
    asked = {name: part for name, part in data.items() if "trained on" not in name}
    found: dict[tuple[str, int, str], list[float]] = {}
    for seed in seeds:
        seen = data["trained on"]
        features = classifier(seen, "all", steps, seed)
        broad = classifier(both(seen, data["also trained on"]), "all", steps, seed)
        compared = prototypical(seen, "all", steps, seed)
        methods = {
            "pixels": NearestNeighbor(),
            "prototypical": compared,
            "prototypical, length 1": NearestMean(compared.encoder),
            "classifier, nearest mean": NearestMean(features),
            "classifier, logistic": LogisticRegression(features),
            "broader classifier, logistic": LogisticRegression(broad),
        }
        for name, part in asked.items():
            for shots in (1, 5):
                if int(part.counts.min()) <= shots:
                    continue
                for method, learner in methods.items():
                    accuracy = measured(learner, part, "all", shots, tasks)
                    found.setdefault((name, shots, method), []).append(accuracy)
                    print(f"seed {seed}, {name}, {shots} shots, {method}: {accuracy:.3f}", flush=True)
    return [{"tasks": n, "shots": k, "method": m, **summary(values)} for (n, k, m), values in found.items()]


def in_color(seeds: list[int], steps: int, tasks: int) -> list[dict]:
    """A row for each kind of task and method: 5-way, 1 shot."""
    hands, others = pictures(artists=HANDS), pictures(artists=OTHERS)
    asked = {"same things, other hands": (others, "train"), "other things, same hands": (hands, "test")}
    asked["other things, other hands"] = others, "test"
    found: dict[tuple[str, str], list[float]] = {}
    for seed in seeds:
        form = {"channels": 3, "size": 32}
        methods = {
            "pixels": NearestNeighbor(),
            "prototypical": prototypical(hands, "train", steps, seed, **form),
            "classifier, nearest mean": NearestMean(classifier(hands, "train", steps, seed, **form)),
            "prototypical, all six hands": prototypical(pictures(), "train", steps, seed, **form),
        }
        for name, (data, split) in asked.items():
            for method, learner in methods.items():
                accuracy = measured(learner, data, split, 1, tasks)
                found.setdefault((name, method), []).append(accuracy)
                print(f"seed {seed}, in color, {name}, {method}: {accuracy:.3f}", flush=True)
    return [{"tasks": name, "method": method, **summary(values)} for (name, method), values in found.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--of", nargs="+", choices=("characters", "pictures"), default=["characters", "pictures"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the trainings")
    parser.add_argument("--steps", type=int, default=1500, help="of every training")
    parser.add_argument("--tasks", type=int, default=300, help="to be asked of each kind")
    options = parser.parse_args()
    torch.set_num_threads(1)
    told = {"seeds": options.seeds, "steps": options.steps, "tasks": options.tasks}
    for name in options.of:
        run = {"characters": in_gray, "pictures": in_color}[name]
        save(f"transfer_{name}", {"settings": told, "tasks": run(options.seeds, options.steps, options.tasks)})


if __name__ == "__main__":
    main()
