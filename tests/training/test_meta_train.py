import copy
import math
import re
import signal
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import (
    MAML,
    SGD,
    Backpropagation,
    EvolutionStrategies,
    Examples,
    History,
    LearnedRate,
    MetaLearner,
    NearestNeighbor,
    Prototypical,
    Quadratics,
    Sinusoids,
    Task,
    TrainedBy,
    Truncated,
    evaluate,
    mlp,
)
from metalearn_course import meta_train as train
from metalearn_course.estimators import Divergences
from metalearn_course.tasks import summed_squares
from metalearn_course.tasks.point_clouds import PointClouds
from metalearn_course.training import loop


def maml(seed=0, **options):
    torch.manual_seed(seed)
    return MAML(mlp(1, 8, 1), lr=0.05, loss=F.mse_loss, **options)


def dropping_out():
    torch.manual_seed(0)
    learner = nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 1))
    return MAML(learner, lr=0.05, loss=F.mse_loss)


def meta_train(meta_learner, steps, tasks=None, **options):
    tasks = Sinusoids() if tasks is None else tasks
    return train(meta_learner, tasks, steps, meta_batch=3, progress=False, **options)


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


class Altered:
    """Sinusoids, with something done to the stack of one step, which has three tasks; a look at two is none."""

    protocol = "sinusoids, altered"

    def __init__(self, step, alter):
        self.step, self.alter, self.drawn = step, alter, 0

    def sample(self, tasks, generator):
        stack = Sinusoids().sample(tasks, generator)
        if tasks == 3 and self.drawn == self.step:
            self.alter(stack)
        self.drawn += tasks == 3
        return stack


# --- the loop


@pytest.mark.parametrize("anneal", [False, True])
def test_meta_train_is_torch_adam_on_the_mean_objective_of_fresh_tasks(anneal):
    """Written out by hand: sample, forward, backward, step; annealed, the rates are 1, 3/4, 1/2, 1/4 of lr."""
    ours, theirs = maml(), maml()
    history = meta_train(ours, 4, lr=0.01, seed=5, anneal=anneal)
    optimizer, generator = torch.optim.Adam(theirs.parameters(), lr=0.01), torch.Generator().manual_seed(5)
    for step, rate in enumerate((0.01, 0.0075, 0.005, 0.0025) if anneal else (0.01,) * 4):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss = theirs(Sinusoids().sample(3, generator)).mean()
        loss.backward()
        optimizer.step()
        assert history.losses[step] == pytest.approx(loss.item(), rel=1e-5)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p, q)


def test_the_same_seed_gives_the_same_run_bit_for_bit_whatever_the_global_seed():
    first, second, other = dropping_out(), dropping_out(), dropping_out()
    torch.manual_seed(1)
    losses = meta_train(first, 5, seed=3).losses
    torch.manual_seed(2)
    assert meta_train(second, 5, seed=3).losses == losses and same(first, second)
    meta_train(other, 5, seed=4)
    assert not same(first, other)


def test_global_random_numbers_modes_and_gradients_are_undisturbed():
    meta_learner = dropping_out().eval()
    meta_learner.learner[2].train()
    modes, before = [m.training for m in meta_learner.modules()], torch.get_rng_state()
    meta_train(meta_learner, 2)
    assert torch.equal(torch.get_rng_state(), before)
    assert [m.training for m in meta_learner.modules()] == modes
    assert all(p.grad is None for p in meta_learner.parameters())


def test_training_is_in_train_mode():
    seen = []

    class Watched(MAML):
        def objective(self, task):
            seen.append(all(m.training for m in self.modules()))
            return super().objective(task)

    meta_train(Watched(mlp(1, 1), loss=F.mse_loss).eval(), 2)
    assert seen == [True, True]


def test_frozen_parameters_stay():
    meta_learner = maml()
    meta_learner.learner[0].requires_grad_(False)
    before = copy.deepcopy(meta_learner)
    meta_train(meta_learner, 3)
    assert same(meta_learner.learner[0], before.learner[0]) and not same(meta_learner.learner[2], before.learner[2])


def test_one_closing_line(capsys):
    history = train(maml(), Sinusoids(), 20, meta_batch=2, seed=1)
    lines = [line for line in capsys.readouterr().out.replace("\r", "\n").split("\n") if line.strip()]
    first, last = sum(history.losses[:2]) / 2, sum(history.losses[-2:]) / 2
    assert lines[-1] == f"MAML: 20 steps in {history.seconds:.0f} s, meta-loss {first:.3g} -> {last:.3g}"
    assert len(history.losses) == 20


def test_without_a_bar_the_closing_line_is_all(capsys):
    meta_train(maml(), 2)
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"steps": -1}, "steps=-1; expected at least 0, a whole number"),
        ({"meta_batch": 0}, "meta_batch=0; expected at least 1, a whole number"),
        ({"steps": 1.5}, "steps=1.5; expected at least 0, a whole number"),
        ({"seed": "a"}, "seed='a'; expected"),
        *(({"lr": lr}, f"lr={lr}; expected a number between 0 and inf") for lr in (0, -1.0, math.nan, math.inf)),
        *(({"clip": clip}, f"clip={clip}; expected a number between 0 and inf") for clip in (0.0, -1, math.nan)),
    ],
)
def test_bad_numbers_are_refused(options, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        train(maml(), Sinusoids(), **{"steps": 1, **options})


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ((SGD(0.1), Sinusoids()), {}, "meta_learner is SGD; expected a MetaLearner"),
        ((MAML, Sinusoids()), {}, "meta_learner is the class MAML; expected a MetaLearner"),
        ((maml(), 3), {}, "tasks is int; expected a distribution of tasks"),
        ((maml(), Sinusoids), {}, "tasks is the class Sinusoids; expected a distribution of tasks"),
        ((maml(), Sinusoids()), {"estimator": "PES"}, "estimator is str; expected an estimator"),
        ((maml(), Sinusoids()), {"estimator": Backpropagation}, "estimator is the class Backpropagation; expected"),
    ],
)
def test_what_is_in_the_wrong_place_is_named(arguments, options, says):
    with pytest.raises(TypeError, match=re.escape(says)):
        train(*arguments, steps=1, **options)


def test_numbers_from_numpy_are_as_good_as_pythons_and_checkpoints_hold_them(tmp_path):
    """A setting that a checkpoint could not be read with again would cost the whole training."""
    numpys = {"lr": np.float64(1e-3), "meta_batch": np.int64(4), "seed": np.int64(3), "clip": np.float32(1.0)}
    estimator = EvolutionStrategies(sigma=np.float32(0.01), pairs=np.int64(2))
    train(maml(), Sinusoids(), steps=np.int64(2), checkpoint=tmp_path / "c", estimator=estimator, **numpys)
    twin = maml()
    history = train(twin, Sinusoids(), steps=3, checkpoint=tmp_path / "c", estimator=estimator, **numpys)
    assert len(history.losses) == 3
    with pytest.raises(ValueError, match="was made with estimator"):
        other = EvolutionStrategies(sigma=np.float32(0.1), pairs=2)
        train(maml(), Sinusoids(), steps=3, checkpoint=tmp_path / "c", estimator=other, **numpys)


def test_tasks_of_other_ways_in_between_do_not_change_what_is_resumed(tmp_path):
    meta_learner = Prototypical(mlp(4, 8))
    train(meta_learner, PointClouds(ways=3), steps=1, checkpoint=tmp_path / "c")
    evaluate(meta_learner, PointClouds(ways=5), episodes=2)
    assert len(train(meta_learner, PointClouds(ways=3), steps=2, checkpoint=tmp_path / "c").losses) == 2


def test_a_compiled_run_does_not_go_on_where_another_stopped(tmp_path):
    """It would draw other random numbers."""
    train(maml(), Sinusoids(), steps=1, checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="was made with estimator"):
        compiled = Backpropagation(compile=True)
        train(maml(), Sinusoids(), steps=2, checkpoint=tmp_path / "c", estimator=compiled)


def test_phi_that_is_not_finite_is_not_called_kept():
    meta_learner = maml()
    with torch.no_grad():
        next(meta_learner.parameters()).fill_(math.inf)
    with pytest.raises(FloatingPointError, match=r"itself is not finite since the step before\. Lower the outer rate"):
        train(meta_learner, Sinusoids(), steps=1)


@pytest.mark.parametrize("steps", [5, 15, 45])
def test_segments_of_one_training_are_no_fall_of_the_meta_loss(steps, capsys):
    """The rate is so small that nothing is learned; later segments of a training have lower losses all the same."""
    torch.manual_seed(0)
    trained_by = TrainedBy(nn.Linear(10, 1, bias=False), LearnedRate(0.01), 100, loss=summed_squares)
    train(trained_by, Quadratics(), steps, lr=1e-12, estimator=Truncated(20), meta_batch=200, progress=False)
    first, last = (float(number) for number in capsys.readouterr().out.split("meta-loss ")[1].split(" -> "))
    assert last / first == pytest.approx(1, abs=0.25)


def test_nothing_to_train_is_said():
    with pytest.raises(ValueError, match="NearestNeighbor has no parameters to meta-train; use it as it is"):
        meta_train(NearestNeighbor(), 1)


def test_ablation_takes_no_step(monkeypatch, capsys):
    monkeypatch.setenv("METALEARN_ABLATE", "1")
    meta_learner = maml()
    assert meta_train(meta_learner, 1_000) == History()
    assert same(meta_learner, maml())
    assert capsys.readouterr().out.startswith("MAML: 0 of 1,000 steps")


# --- checkpoints


def resumed(make, tmp_path, steps=6, stop=2, **options):
    """`stop` steps, an interrupt, and the rest by another process's meta-learner."""
    path = tmp_path / "run.pt"
    raised = Altered(stop - 1, lambda stack: signal.raise_signal(signal.SIGINT))
    assert len(meta_train(make(), steps, raised, checkpoint=path, **options).losses) == stop
    meta_learner = make()
    with torch.no_grad():
        for p in meta_learner.parameters():
            p.zero_()
    return meta_learner, meta_train(meta_learner, steps, Altered(-1, None), checkpoint=path, **options)


@pytest.mark.parametrize("anneal", [False, True])
@pytest.mark.parametrize("make", [maml, dropping_out])
def test_a_resumed_run_continues_bit_for_bit(make, anneal, tmp_path):
    whole = make()
    history = meta_train(whole, 6, Altered(-1, None), anneal=anneal)
    in_two, history_2 = resumed(make, tmp_path, anneal=anneal)
    assert same(whole, in_two) and history_2.losses == history.losses


def test_what_an_estimator_carries_is_in_the_checkpoint(tmp_path):
    class Counting(Backpropagation):
        def init(self, meta_learner, tasks):
            return {"seen": torch.zeros(()), "losses": []}

        def divergences(self, s):
            return Divergences.none()

        def step(self, meta_learner, phi, tasks, s):
            grads, losses, _ = super().step(meta_learner, phi, tasks, ())
            return grads, losses, {"seen": s["seen"] + 1, "losses": [*s["losses"], s["seen"].item()]}

    _, history = resumed(maml, tmp_path, estimator=Counting())
    assert len(history.losses) == 6
    carried = torch.load(tmp_path / "run.pt", weights_only=True)["carried"]
    assert carried["seen"].item() == 6 and carried["losses"] == [0, 1, 2, 3, 4, 5]


def test_a_run_is_saved_on_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_SAVE_EVERY", 2)
    path, found = tmp_path / "run.pt", []
    look = Altered(3, lambda stack: found.append(torch.load(path, weights_only=True)["step"]))
    meta_train(maml(), 5, look, checkpoint=path)
    assert found == [2] and torch.load(path, weights_only=True)["step"] == 5


def test_the_closing_line_says_where_a_run_resumed(tmp_path, capsys):
    resumed(maml, tmp_path)
    first, second = capsys.readouterr().out.splitlines()
    assert "2 steps of 6 (interrupted; what was learned is kept)" in first
    assert "6 steps in 0 s, resumed at step 2" in second


def test_the_folder_of_a_checkpoint_is_made(tmp_path):
    meta_train(maml(), 1, checkpoint=tmp_path / "runs" / "a" / "run.pt")
    assert [p.name for p in (tmp_path / "runs" / "a").iterdir()] == ["run.pt"]


class Other(MAML):
    pass


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda: Other(mlp(1, 8, 1), lr=0.05, loss=F.mse_loss), {}, "meta-learner = 'MAML'; this run has 'Other'"),
        (
            lambda: MAML(mlp(1, 9, 1), lr=0.05, loss=F.mse_loss),
            {},
            r"learner.0.weight = \[8, 1\]; this run has \[9, 1\]",
        ),
        (lambda: maml(first_order=True), {}, "first_order = False; this run has True"),
        (lambda: maml(steps=2), {}, "steps = 1; this run has 2"),
        (
            lambda: MAML(mlp(1, 8, 1, activation=torch.nn.Tanh), lr=0.05, loss=F.mse_loss),
            {},
            r"learner.1 = 'ReLU\(\)'; this run has 'Tanh\(\)'",
        ),
        (lambda: MAML(mlp(1, 8, 1), loss=F.l1_loss), {}, "loss = 'mse_loss'; this run has 'l1_loss'"),
        (maml, {"seed": 1}, "seed = 0; this run has 1"),
        (maml, {"lr": 0.5}, "lr = 0.001; this run has 0.5"),
        (maml, {"tasks": Sinusoids(shots=5)}, "tasks = 'sinusoids, 10 shots.*'; this run has 'sinusoids, 5 shots"),
        (maml, {"anneal": True}, "anneal over steps = None; this run has 4"),
        (maml, {"estimator": type("ES", (Backpropagation,), {})()}, "estimator = 'Backpropagation'; this run has 'ES'"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused_by_name(make, options, message, tmp_path):
    path = tmp_path / "run.pt"
    meta_train(maml(), 2, checkpoint=path)
    content, meta_learner = path.read_bytes(), make()
    before = copy.deepcopy(meta_learner)
    with pytest.raises(ValueError, match=message) as caught:
        meta_train(meta_learner, 4, checkpoint=path, **options)
    assert "run.pt" in str(caught.value) and "Name another file" in str(caught.value)
    assert path.read_bytes() == content and same(before, meta_learner)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"<html>not found</html>"])
def test_a_checkpoint_cut_short_is_refused_by_name(damage, tmp_path):
    path = tmp_path / "run.pt"
    meta_train(maml(), 2, checkpoint=path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"run\.pt is not a whole checkpoint .*Delete it to start anew"):
        meta_train(maml(), 4, checkpoint=path)


@pytest.mark.parametrize(("saved", "found"), [({"format": 99}, "99"), ({}, "None"), ([1, 2], "list")])
def test_a_checkpoint_of_another_format_is_refused_by_name(saved, found, tmp_path):
    path = tmp_path / "run.pt"
    torch.save(saved, path)
    with pytest.raises(ValueError, match=f"checkpoint format {found}; this version reads 3. Name another file"):
        meta_train(maml(), 4, checkpoint=path)


def test_a_save_that_fails_leaves_the_old_checkpoint_whole(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    meta_train(maml(), 2, checkpoint=path)
    content = path.read_bytes()

    def full_disk(content, file):
        file.write(b"half a checkp")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match=r"run\.pt cannot be written \(No space left.*name a file in a folder with room"):
        meta_train(maml(), 4, checkpoint=path)
    assert path.read_bytes() == content


def test_a_checkpoint_that_cannot_be_written_is_refused_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    meta_learner = maml()
    before = copy.deepcopy(meta_learner)
    with pytest.raises(OSError, match=r"run\.pt cannot be written"):
        meta_train(meta_learner, 4, checkpoint=tmp_path / "file" / "run.pt")
    assert same(before, meta_learner)


# --- interrupts


def test_an_interrupt_finishes_the_step_and_keeps_what_was_learned(capsys):
    interrupted, two_steps = maml(), maml()
    raised = Altered(1, lambda stack: signal.raise_signal(signal.SIGINT))
    history = meta_train(interrupted, 1_000, raised)
    meta_train(two_steps, 2, Altered(-1, None))
    assert len(history.losses) == 2 and same(interrupted, two_steps)
    assert "2 steps of 1,000 (interrupted; what was learned is kept)" in capsys.readouterr().out


def test_a_second_interrupt_stops_at_once_and_the_handler_is_the_old_one_again():
    def twice(stack):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    handler, meta_learner, one_step = signal.getsignal(signal.SIGINT), maml(), maml()
    with pytest.raises(KeyboardInterrupt):
        meta_train(meta_learner, 1_000, Altered(1, twice))
    meta_train(one_step, 1, Altered(-1, None))
    assert same(meta_learner, one_step) and meta_learner.training
    assert signal.getsignal(signal.SIGINT) is handler


def test_training_works_in_a_thread_where_no_signal_can_be_caught():
    meta_learner, reference = maml(), maml()
    thread = threading.Thread(target=meta_train, args=(meta_learner, 3))
    thread.start()
    thread.join()
    meta_train(reference, 3)
    assert same(meta_learner, reference)


# --- numbers that are not finite


def test_nan_in_the_data_stops_with_step_and_task_and_keeps_the_parameters_of_the_step_before(tmp_path):
    def spoil(stack):
        stack.query.y[1, 4] = torch.nan

    meta_learner, four_steps = maml(), maml()
    with pytest.raises(FloatingPointError, match="the loss is not finite at step 4, from task 1 of the batch"):
        meta_train(meta_learner, 10, Altered(4, spoil), checkpoint=tmp_path / "run.pt")
    meta_train(four_steps, 4, Altered(-1, None))
    assert same(meta_learner, four_steps)
    assert all(p.grad is None for p in meta_learner.parameters())
    assert torch.load(tmp_path / "run.pt", weights_only=True)["step"] == 4


class Root(MetaLearner):
    """phi * sqrt of a task's first query: finite everywhere, with an infinite slope where the task is zero."""

    def __init__(self):
        super().__init__(F.mse_loss)
        self.phi = nn.Parameter(torch.ones(()))

    def objective(self, task: Task):
        return (self.phi * task.query.x[0, 0]).abs().sqrt()


def test_nan_in_a_gradient_alone_stops_likewise():
    def zero(stack):
        stack.query.x[2, 0] = 0.0

    meta_learner, one_step = Root(), Root()
    with pytest.raises(FloatingPointError, match="the gradient is not finite at step 1, from task 2 of the batch"):
        meta_train(meta_learner, 10, Altered(1, zero))
    meta_train(one_step, 1, Altered(-1, None))
    assert same(meta_learner, one_step) and meta_learner.phi.isfinite()


def test_running_statistics_do_not_keep_the_nan_that_was_refused():
    class Normed(MAML):
        def __init__(self):
            super().__init__(mlp(1, 1), loss=F.mse_loss)
            self.norm = nn.BatchNorm1d(1)

        def embed(self, x):
            return self.norm(x)

    def spoil(stack):
        stack.support.x[0, 0] = torch.inf

    meta_learner = Normed()
    with pytest.raises(FloatingPointError, match="step 1"):
        meta_train(meta_learner, 3, Altered(1, spoil))
    assert meta_learner.norm.running_mean.isfinite().all() and meta_learner.norm.num_batches_tracked.item() == 1


def test_after_a_failed_step_a_run_resumes_as_if_it_had_not_failed(tmp_path):
    def spoil(stack):
        stack.query.y[1, 4] = torch.nan

    whole, again = dropping_out(), dropping_out()
    meta_train(whole, 4, Altered(-1, None))
    with pytest.raises(FloatingPointError):
        meta_train(dropping_out(), 4, Altered(2, spoil), checkpoint=tmp_path / "run.pt")
    meta_train(again, 4, Altered(-1, None), checkpoint=tmp_path / "run.pt")
    assert same(whole, again)


def test_bad_labels_are_refused_before_the_first_step():
    class Wrong:
        protocol = "wrong labels"

        def sample(self, tasks, generator):
            examples = Examples(torch.randn(tasks, 2, 1), torch.tensor([[0, 7]] * tasks))
            return Task(examples, examples, torch.tensor([[0, 1]] * tasks))

    meta_learner = MAML(mlp(1, 2))
    before = copy.deepcopy(meta_learner)
    with pytest.raises(ValueError, match=re.escape("support label 7 is out of range")):
        train(meta_learner, Wrong(), 3, progress=False)
    assert same(before, meta_learner)


# --- snapshots


class Normed(MAML):
    """With buffers, too: the running statistics of a norm in embed."""

    def __init__(self):
        torch.manual_seed(0)
        super().__init__(mlp(1, 4, 1), lr=0.05, loss=F.mse_loss)
        self.norm = nn.BatchNorm1d(1)

    def embed(self, x):
        return self.norm(x)


def equal_states(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("make", [maml, Normed])
def test_snapshots_are_the_states_that_shorter_trainings_end_in(make):
    """Step 0 is the start. Snapshots are copies: training on does not touch them; and taking them changes nothing."""
    meta_learner, plain = make(), make()
    history = meta_train(meta_learner, 4, snapshots={0, 1, 4})
    assert [*history.snapshots] == [0, 1, 4]
    for steps, snapshot in history.snapshots.items():
        shorter = make()
        meta_train(shorter, steps)
        assert equal_states(snapshot, shorter.state_dict())
    assert meta_train(plain, 4).losses == history.losses and same(plain, meta_learner)
    before = {k: v.clone() for k, v in history.snapshots[4].items()}
    meta_train(meta_learner, 2, seed=1)
    assert equal_states(history.snapshots[4], before) and not equal_states(before, meta_learner.state_dict())


def test_a_snapshot_can_be_loaded_and_needs_no_gradient():
    meta_learner, again = maml(), maml(seed=1)
    history = meta_train(meta_learner, 3, snapshots=[2, 3])
    again.load_state_dict(history.snapshots[3])
    assert same(again, meta_learner)
    assert not any(t.requires_grad for t in history.snapshots[2].values())


@pytest.mark.parametrize("snapshots", [(), {5, 99}, [-1]])
def test_snapshots_of_steps_that_are_not_taken_are_none(snapshots):
    assert meta_train(maml(), 4, snapshots=snapshots).snapshots == {}


def test_an_interrupted_training_keeps_the_snapshots_so_far_and_a_resumed_one_takes_the_rest(tmp_path):
    raised = Altered(1, lambda stack: signal.raise_signal(signal.SIGINT))
    options = {"snapshots": {0, 2, 3, 6}, "checkpoint": tmp_path / "run.pt"}
    first = meta_train(maml(), 6, raised, **options)
    second = meta_train(maml(), 6, Altered(-1, None), **options)
    assert [*first.snapshots] == [0, 2] and [*second.snapshots] == [2, 3, 6]
    assert equal_states(first.snapshots[2], second.snapshots[2])


@pytest.mark.parametrize(("snapshots", "kept"), [({0, 2, 1_000}, [0]), ([0], [0]), ({2, 1_000}, []), ((), [])])
def test_ablation_keeps_the_snapshot_of_the_start_alone(snapshots, kept, monkeypatch):
    monkeypatch.setenv("METALEARN_ABLATE", "1")
    meta_learner = maml()
    history = meta_train(meta_learner, 1_000, snapshots=snapshots)
    assert [*history.snapshots] == kept and history.losses == []
    assert all(equal_states(state, maml().state_dict()) for state in history.snapshots.values())


def test_a_checkpoint_in_the_home_folder_is_there(tmp_path, monkeypatch):
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(here)
    train(maml(), Sinusoids(), 1, checkpoint="~/run.pt", progress=False)
    assert (home / "run.pt").is_file() and not list(here.iterdir())
