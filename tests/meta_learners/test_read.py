"""Methods that read: LSTMReader, MemoryAugmented, SNAIL, against PyTorch's cells and sequences worked by hand."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import (
    SNAIL,
    Examples,
    LSTMReader,
    MemoryAugmented,
    Reader,
    Task,
    accuracy,
    evaluate,
    meta_train,
)
from metalearn_course.meta_learners.lstm_reader import lstm_cell, lstm_gates
from metalearn_course.meta_learners.memory_augmented import read_weights, write_memory
from metalearn_course.meta_learners.snail import Attention, Convolution
from metalearn_course.tasks.point_clouds import PointClouds
from tests.contract.registry import READ as READERS
from tests.helpers.tasks import one


class Shuffled:
    """PointClouds whose examples come in any order, as a reader needs it in training."""

    protocol = "clusters, shuffled"

    def sample(self, tasks, generator):
        stack = PointClouds(ways=2, shots=4, queries=2).sample(tasks, generator)
        parts = []
        for x, y in (stack.support, stack.query):
            order = torch.randperm(y.shape[1], generator=generator)
            parts.append(Examples(x[:, order], y[:, order]))
        return Task(*parts, stack.classes)


readers = pytest.mark.parametrize("make", READERS.values(), ids=READERS)


# --- what all of them have


@readers
def test_the_label_comes_one_step_after_its_image(make):
    before = make().labels_before(Examples(torch.zeros(4, 4), torch.tensor([2, 0, 1, 0])))
    assert before.tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]]


@readers
def test_an_answer_is_the_next_step_of_the_sequence(make):
    """adapt and predict together are one `read` of the support set and a single query, whose own label is not read."""
    reader, task = make(), one()
    answers = reader.fit(task.support)(task.query.x)
    for x, y, answer in zip(task.query.x, task.query.y, answers, strict=True):
        sequence = Examples(torch.cat([task.support.x, x[None]]), torch.cat([task.support.y, y[None]]))
        torch.testing.assert_close(reader.read(sequence.x, reader.labels_before(sequence))[-1], answer)


@readers
def test_no_answer_depends_on_what_comes_later(make):
    """autograd: y_t from x_0 ... x_t and the labels before, y_0 ... y_{t-1}, and from nothing else."""
    reader, x, y = make(), torch.randn(7, 4), F.one_hot(torch.tensor([0, 1, 2, 0, 1, 2, 0]), 3).float()
    dx, dy = torch.autograd.functional.jacobian(
        lambda x, y: reader.read(x, F.pad(y, (0, 0, 1, 0))[:-1]).sum(-1), (x, y)
    )
    for t, s in itertools.product(range(7), range(7)):
        assert (dx[t, s] != 0).any() == (s <= t), (t, s)
        assert (dy[t, s] != 0).any() == (s < t), (t, s)


@readers
def test_the_objective_is_the_mean_cross_entropy_of_all_steps_up_to_the_length(make):
    reader, task = make(), one(shots=3)
    reader.length = 11  # 9 of the support set and 2 queries
    x, y = torch.cat([task.support.x, task.query.x])[:11], torch.cat([task.support.y, task.query.y])[:11]
    log_p = reader.read(x, reader.labels_before(Examples(x, y))).log_softmax(-1)
    assert reader([task]).item() == pytest.approx(-sum(log_p[t, y[t]].item() for t in range(11)) / 11, rel=1e-4)


@readers
def test_the_order_of_the_support_set_matters(make):
    """Measured: shown in another order, the same examples give other answers."""
    reader, task = make(), one(shots=3)
    answers = reader.fit(task.support)(task.query.x)
    order = torch.randperm(9)
    others = reader.fit(Examples(task.support.x[order], task.support.y[order]))(task.query.x)
    assert reader.order_matters and (others - answers).abs().max() > 1e-3


@readers
def test_labels_are_tied_to_inputs_and_outputs_of_their_own(make):
    """Renaming the labels does not rename the answers of one reader; renaming its inputs and outputs along does.

    So for every reader here, and for MetaNetworks, invariance holds in distribution only: an episode gets its labels by
    chance, so that over episodes no label fares better than another.
    """
    reader, task, order = make(), one(), torch.tensor([2, 0, 1])
    renamed = Task(*(Examples(e.x, order[e.y]) for e in task[:2]), task.classes)
    answers, others = reader.fit(task.support)(task.query.x), reader.fit(renamed.support)(task.query.x)
    assert (others[:, order] - answers).abs().max() > 1e-3
    before, read = reader([task]), reader.read
    reader.read = lambda x, y: read(x, y[:, order])[:, order.argsort()]
    torch.testing.assert_close(reader([renamed]), before)


def test_a_frozen_embedding_turns_images_into_features_and_features_pass():
    embedding = nn.Sequential(nn.Flatten(), nn.Linear(6, 4))
    reader, images = LSTMReader(4, 3, hidden=8, embedding=embedding), torch.randn(5, 2, 3)
    torch.testing.assert_close(reader.embed(images), embedding(images))
    assert torch.equal(reader.embed(torch.ones(5, 4)), torch.ones(5, 4))
    assert not any(p.requires_grad for p in reader.embedding.parameters())
    assert all(p.requires_grad for p in embedding.parameters())


def test_fewer_ways_than_a_reader_was_built_for_are_answered_among_those():
    for make in READERS.values():
        task = one(ways=2)
        assert make().fit(task.support)(task.query.x).shape == (8, 2)


def test_a_reader_with_nothing_written_says_what_is_missing():
    for call in (lambda r: r.start(), lambda r: r.step(None, None, None)):
        with pytest.raises(NotImplementedError, match="Reader needs st"):
            call(Reader(4, 3))


# --- LSTM


def test_the_cell_is_that_of_torch():
    gates, theirs = lstm_gates(5, 7), nn.LSTMCell(5, 7)
    with torch.no_grad():
        theirs.weight_ih.copy_(gates.weight[:, :5])
        theirs.weight_hh.copy_(gates.weight[:, 5:])
        theirs.bias_ih.copy_(gates.bias)
        theirs.bias_hh.zero_()
    ours = expected = torch.randn(7), torch.randn(7)
    for x in torch.randn(6, 5):
        ours, expected = lstm_cell(gates, x, ours), theirs(x, expected)
        torch.testing.assert_close(ours, expected)


def test_a_whole_sequence_is_that_of_torchs_lstm():
    reader, theirs = LSTMReader(4, 3, hidden=6), nn.LSTM(7, 6)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(reader.gates.weight[:, :7])
        theirs.weight_hh_l0.copy_(reader.gates.weight[:, 7:])
        theirs.bias_ih_l0.copy_(reader.gates.bias)
        theirs.bias_hh_l0.zero_()
    x, y = torch.randn(9, 4), F.one_hot(torch.randint(3, (9,)), 3).float()
    torch.testing.assert_close(reader.read(x, y), reader.answer(theirs(torch.cat([x, y], -1))[0]))


def test_gates_start_so_that_the_cell_remembers():
    gates = lstm_gates(30, 8)
    for recurrent in gates.weight[:, 30:].chunk(4):
        torch.testing.assert_close(recurrent @ recurrent.T, torch.eye(8))
    assert gates.bias.tolist() == [0] * 8 + [1] * 8 + [0] * 16
    assert gates.weight[:, :30].std().item() == pytest.approx(0.2, rel=0.1)


# --- memory


def test_read_weights_by_hand():
    """Cosines 1, 0, -1 and 3/5 between the key and four slots; softmax at scale 2."""
    slots = torch.tensor([[2.0, 0.0], [0.0, 5.0], [-1.0, 0.0], [3.0, 4.0]])
    weights = [math.exp(2 * cosine) for cosine in (1, 0, -1, 0.6)]
    expected = torch.tensor([w / sum(weights) for w in weights])
    torch.testing.assert_close(read_weights(slots, torch.tensor([9.0, 0.0]), 2.0), expected)


def test_an_empty_memory_is_read_evenly():
    weights = read_weights(torch.zeros(5, 3), torch.randn(3), 8.0)
    torch.testing.assert_close(weights, torch.full((5,), 0.2))


def test_one_write_by_hand():
    """Slot 1 is least used: it is erased, and takes 3/4 of the key; the slots just read take 1/4 * w_r."""
    slots = torch.tensor([[1.0, 1.0], [7.0, 7.0], [2.0, 0.0]])
    usage, read = torch.tensor([0.5, 0.1, 0.9]), torch.tensor([0.8, 0.0, 0.2])
    after, write = write_memory(slots, usage, read, key=torch.tensor([1.0, -1.0]), gate=torch.tensor([0.25]))
    torch.testing.assert_close(write, torch.tensor([0.2, 0.75, 0.05]))
    torch.testing.assert_close(after, torch.tensor([[1.2, 0.8], [0.75, -0.75], [2.05, -0.05]]))


def test_the_slot_that_is_written_is_erased_before_and_not_after():
    slots, usage = torch.full((2, 3), 9.0), torch.tensor([0.0, 1.0])
    key = torch.tensor([1.0, 2.0, 3.0])
    after, _ = write_memory(slots, usage, torch.tensor([0.0, 1.0]), key, gate=torch.zeros(1))
    assert after.tolist() == [[1, 2, 3], [9, 9, 9]]


def scripted(keys, gate, slots, scale=1e4, decay=0.5):
    """A memory whose controller says given keys, one-hot, and one gate: h is the input, and the key reads it off."""
    memory = MemoryAugmented(2, 2, slots=slots, width=2, hidden=2, scale=scale, decay=decay)
    return memory, torch.tensor(keys), torch.tensor([gate])


def follow(memory, keys, gate):
    """What the equations of Santoro et al. (2016) make of a sequence of keys, in plain Python, one slot at a time."""
    n, width = memory.slots, memory.width
    slots, usage, before = [[1e-6] * width for _ in range(n)], [0.0] * n, [0.0] * n
    reads, writes, contents = [], [], []
    for t, k in enumerate(keys):
        cosines = [
            sum(a * b for a, b in zip(row, k, strict=True)) / max(math.hypot(*row), 1e-6) / max(math.hypot(*k), 1e-6)
            for row in slots
        ]
        top = max(cosines)
        weights = [math.exp(memory.scale * (c - top)) for c in cosines]
        read = [w / sum(weights) for w in weights]  # equation 4
        least = usage.index(min(usage))
        write = [gate[t] * b + (1 - gate[t]) * (i == least) for i, b in enumerate(before)]  # equation 7
        slots = [[0.0] * width if i == least else row for i, row in enumerate(slots)]
        slots = [[m + w * a for m, a in zip(row, k, strict=True)] for row, w in zip(slots, write, strict=True)]
        usage = [memory.decay * u + r + w for u, r, w in zip(usage, read, write, strict=True)]  # equation 5
        before = read
        reads.append(read), writes.append(write), contents.append(slots)
    return reads, writes, contents, usage


def spied(memory, x, y):
    """The trace of a sequence, the keys and gates that its controller said, and the state after the last step."""
    said = {"key": [], "gate": []}
    hooks = [
        getattr(memory, name).register_forward_hook(lambda *a, name=name: said[name].append(a[2])) for name in said
    ]
    trace = memory.read_in_full(x, y)
    for hook in hooks:
        hook.remove()
    return trace, torch.stack(said["key"]).tanh().tolist(), torch.stack(said["gate"]).sigmoid().flatten().tolist()


@pytest.mark.parametrize(("slots", "steps"), [(6, 5), (3, 12)])
def test_a_sequence_follows_the_equations_of_the_paper(slots, steps):
    """Also a sequence longer than the memory, which overwrites what was least recently used."""
    memory = MemoryAugmented(4, 3, slots=slots, width=5, hidden=8, scale=3.0, decay=0.9).double()
    with torch.no_grad():
        memory.gate.weight.mul_(20)  # gates all over between 0 and 1
    x, y = torch.randn(steps, 4, dtype=torch.float64), torch.arange(steps) % 3
    trace, keys, gates = spied(memory, x, y)
    reads, writes, contents, usage = follow(memory, keys, gates)
    torch.testing.assert_close(trace.reads, torch.tensor(reads, dtype=torch.float64))
    torch.testing.assert_close(trace.writes, torch.tensor(writes, dtype=torch.float64))
    state = memory.start()
    for t, y_before in enumerate(memory.labels_before(Examples(x, y))):
        state, _ = memory.step(state, x[t], y_before)
        torch.testing.assert_close(state.slots, torch.tensor(contents[t], dtype=torch.float64))
    torch.testing.assert_close(state.usage, torch.tensor(usage, dtype=torch.float64))


def closed(memory):
    """Write to the least used slot alone, as with sigmoid(alpha) = 0."""
    with torch.no_grad():
        memory.gate.weight.zero_()
        memory.gate.bias.fill_(-100)
    return memory


def test_an_episode_fills_an_empty_memory_slot_by_slot_and_then_starts_anew():
    """With reading spread evenly (scale 0), usage is decided by writing: 0, 1, 2, 3, and then the oldest again."""
    memory = closed(MemoryAugmented(4, 3, slots=4, width=5, hidden=8, scale=0.0))
    trace = memory.read_in_full(torch.randn(10, 4), torch.arange(10) % 3)
    assert trace.writes.argmax(-1).tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    torch.testing.assert_close(trace.writes.amax(-1), torch.ones(10))


def test_an_open_gate_writes_where_it_read_before():
    memory = closed(MemoryAugmented(4, 3, slots=4, width=5, hidden=8))
    with torch.no_grad():
        memory.gate.bias.fill_(100)
    trace = memory.read_in_full(torch.randn(6, 4), torch.arange(6) % 3)
    torch.testing.assert_close(trace.writes[1:], trace.reads[:-1])
    assert not trace.writes[0].any()  # nothing was read before


def test_weights_of_a_trace_sum_to_what_they_should_and_its_logits_are_those_of_read():
    memory, x, y = READERS["MemoryAugmented"](), torch.randn(15, 4), torch.arange(15) % 3
    trace = memory.read_in_full(x, y)
    assert trace.reads.shape == trace.writes.shape == (15, 6)
    torch.testing.assert_close(trace.reads.sum(-1), torch.ones(15))
    torch.testing.assert_close(trace.writes[1:].sum(-1), torch.ones(14))  # gate * 1 + (1 - gate) * 1
    assert (trace.reads >= 0).all() and (trace.writes >= 0).all()
    torch.testing.assert_close(trace.logits, memory.read(x, memory.labels_before(Examples(x, y))))


def test_episodes_share_no_memory():
    reader, task = READERS["MemoryAugmented"](), one()
    first = reader.fit(task.support)(task.query.x)
    reader.fit(one(shots=5).support)
    assert torch.equal(reader.fit(task.support)(task.query.x), first)


# --- SNAIL


def test_attention_is_that_of_torch():
    attention, x = Attention(5, 8), torch.randn(9, 5)
    q, k, v = (layer(x)[None] for layer in (attention.query, attention.key, attention.value))
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True)[0]
    torch.testing.assert_close(attention(x), torch.cat([x, expected], -1), rtol=1e-4, atol=1e-6)


def test_attention_weights_are_causal_and_sum_to_one():
    weights = Attention(5, 8).weights(torch.randn(9, 5))
    torch.testing.assert_close(weights.sum(-1), torch.ones(9))
    assert not weights.triu(1).any() and (weights.tril().diagonal() > 0).all()


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_a_convolution_is_that_of_torch(dilation):
    """Kernel size 2, padded by the dilation in front: tanh of one half of the channels, times sigmoid of the other."""
    ours, x = Convolution(5, 8, dilation), torch.randn(9, 5)
    theirs = nn.Conv1d(5, 16, kernel_size=2, dilation=dilation)
    with torch.no_grad():
        theirs.weight.copy_(torch.stack([ours.both.weight[:, :5], ours.both.weight[:, 5:]], -1))
        theirs.bias.copy_(ours.both.bias)
    out = theirs(F.pad(x.T[None], (dilation, 0)))[0].T
    torch.testing.assert_close(ours(x), torch.cat([x, out[:, :8].tanh() * out[:, 8:].sigmoid()], -1))


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_a_convolution_sees_itself_and_one_step_before(dilation):
    jacobian = torch.autograd.functional.jacobian(Convolution(5, 8, dilation), torch.randn(9, 5))
    seen = (jacobian != 0).any(-1).any(1)
    for t, s in itertools.product(range(9), range(9)):
        assert seen[t, s] == (s in (t, t - dilation))


# --- they do learn


@readers
def test_some_training_reads_better_than_chance(make):
    """Two clouds are told apart by reading labels; chance is 1/2, and without training it stays there."""
    make = {"LSTMReader": LSTMReader, "MemoryAugmented": MemoryAugmented, "SNAIL": SNAIL}[type(make()).__name__]
    reader = make(4, 2)
    meta_train(reader, Shuffled(), steps=150, meta_batch=16, lr=5e-3, progress=False)
    assert evaluate(reader, Shuffled(), metric=accuracy, episodes=100).mean > 0.7
