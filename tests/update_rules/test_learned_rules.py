"""Learned rules against nn.LSTMCell, torch.optim, formulas written out for one number, and finite differences."""

import math

import pytest
import torch
from torch import nn, tensor
from torch.func import functional_call, vmap
from torch.utils._python_dispatch import TorchDispatchMode

from metalearn_course import (
    SGD,
    CoordinateRates,
    LearnedRate,
    LSTMOptimizer,
    MetaLSTMGates,
    MLPOptimizer,
    log_and_sign,
    mlp,
    unroll,
)
from tests.contract.registry import shaken, start

NO_LOSS = tensor(0.0, dtype=torch.float64)


def f64(*values):
    return tensor(values, dtype=torch.float64)


def loss_of(params, batch):
    """Not a quadratic, and its two tensors depend on each other."""
    w, b = params["a.weight"], params["b"]
    return (w @ batch - b).square().sum() + 0.1 * (w**4).sum() + torch.sin(b).sum()


BATCHES = [f64(0.5, -1.0, 0.2), f64(0.1, 0.3, -0.7), f64(-0.7, 0.2, 1.1)]


def rules():
    torch.manual_seed(0)
    return [
        shaken(LearnedRate(0.02)),
        shaken(CoordinateRates(start(), 0.01), by=0.02),
        shaken(MetaLSTMGates()),
        shaken(LSTMOptimizer(hidden=3)),
        shaken(LSTMOptimizer(hidden=2, layers=1)),
        shaken(MLPOptimizer(hidden=4, lr=0.02)),
    ]


def name_of(rule):
    return type(rule).__name__


every_rule = pytest.mark.parametrize("rule", rules(), ids=name_of)


class Owner(nn.Module):
    """What a meta-learner does with a rule: unrolls it on one task. The last loss of a start moved by `shift`."""

    def __init__(self, rule, first_order=False):
        super().__init__()
        self.rule, self.first_order = rule, first_order

    def forward(self, shift):
        params = {name: p + shift for name, p in start().items()}
        return loss_of(unroll(loss_of, self.rule, params, BATCHES, first_order=self.first_order).params, BATCHES[0])


# --- what holds for all of them


@every_rule
def test_particles_of_tasks_equal_two_loops(rule):
    """Evolution strategies run many phi at once, each on a stack of tasks."""
    owner, shifts = Owner(rule), f64(0.0, 0.2)
    phi = dict(owner.named_parameters())
    noise = {k: 0.1 * torch.randn(3, *p.shape, dtype=p.dtype) for k, p in phi.items()}
    particles = {k: p + noise[k] for k, p in phi.items()}
    both = vmap(lambda one: vmap(lambda shift: functional_call(owner, one, (shift,)))(shifts))(particles)
    assert both.shape == (3, 2) and both.std(0).min() > 0
    for i in range(3):
        one = {k: p[i] for k, p in particles.items()}
        expected = torch.stack([functional_call(owner, one, (shift,)) for shift in shifts])
        torch.testing.assert_close(both[i], expected)


@every_rule
def test_meta_gradients_equal_finite_differences(rule):
    """To all stars and to the start; the inner gradients are not held constant, so second derivatives count."""
    owner = Owner(rule)
    names, stars = zip(*((k, p.detach().requires_grad_()) for k, p in owner.named_parameters()), strict=True)

    def final_loss(shift, *values):
        return functional_call(owner, dict(zip(names, values, strict=True)), (shift,))

    assert torch.autograd.gradcheck(final_loss, (f64(0.1).requires_grad_(), *stars), atol=1e-6)


@every_rule
def test_derivatives_of_derivatives_of_an_update_equal_finite_differences(rule):
    params, grads = start(), {"a.weight": f64([0.3, -2.0, 1e-2], [0.7, 5.0, -0.1]), "b": f64(1.0, -0.4)}

    def first_update(w, b, g, h, loss):
        new, _ = rule.update({"a.weight": w, "b": b}, {"a.weight": g, "b": h}, rule.init(params), loss)
        return new["a.weight"], new["b"]

    inputs = tuple(x.clone().requires_grad_() for x in (*params.values(), *grads.values(), f64(2.0).squeeze()))
    assert torch.autograd.gradgradcheck(first_update, inputs, atol=1e-5, rtol=1e-3, fast_mode=True)


@every_rule
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e30])
def test_values_and_slopes_are_finite_at_zero_tiny_and_huge_gradients(rule, size):
    """In double precision; the next test does the same in single where a meta-training takes place."""
    g = {k: torch.full_like(p, size).requires_grad_() for k, p in start().items()}
    state = rule.init(start())
    new, state = rule.update(start(), g, state, NO_LOSS)
    new, _ = rule.update(new, {k: p * 0 for k, p in g.items()}, state, NO_LOSS)
    slopes = torch.autograd.grad(sum(p.sum() for p in new.values()), [*g.values(), *rule.parameters()])
    assert all(p.isfinite().all() for p in [*new.values(), *slopes])


@pytest.mark.parametrize("rule", [LSTMOptimizer(), MetaLSTMGates(), MLPOptimizer()], ids=name_of)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-6, 1e6])
def test_in_single_precision_too(rule, size):
    params = {"w": tensor([1.0, -2.0, 0.0])}
    g = (size * tensor([1.0, -1.0, 0.0])).requires_grad_()
    state = rule.init(params)
    for _ in range(3):
        params, state = rule.update(params, {"w": g}, state, tensor(0.0))
    slopes = torch.autograd.grad(params["w"].sum(), [g, *rule.parameters()], allow_unused=True)
    assert params["w"].isfinite().all() and all(s.isfinite().all() for s in slopes if s is not None)


# --- log_and_sign


def two_numbers(x, p):
    """Andrychowicz et al. (2016), appendix A, for one number."""
    return [math.log(abs(x)) / p, math.copysign(1, x)] if abs(x) >= math.exp(-p) else [-1.0, math.exp(p) * x]


@pytest.mark.parametrize("p", [7, 10])
def test_log_and_sign_equals_the_papers_formula(p):
    """At 0, tiny and huge; and on both sides of e^-7 = 9.1188e-4 and e^-10 = 4.53999e-5."""
    numbers = [0.0, 1e-300, -1e-30, 4.53e-5, -4.54e-5, 9.11e-4, -9.12e-4, 0.5, -1.0, 1.0, -3e4, 1e300]
    got = log_and_sign(f64(*numbers).view(3, 4), p)
    assert got.shape == (3, 4, 2)
    torch.testing.assert_close(got.view(-1, 2), f64(*(two_numbers(x, p) for x in numbers)))


def test_log_and_sign_is_continuous_where_its_halves_meet():
    around = log_and_sign(f64(math.exp(-10) * (1 - 1e-6), math.exp(-10) * (1 + 1e-6)))
    torch.testing.assert_close(around, f64([-1, 1], [-1, 1]), rtol=0, atol=1e-5)


def test_log_and_sign_has_p_10_and_finite_slopes_by_default():
    """Its slopes: (1 / (10 x), 0) for large numbers, (0, e^10) for small ones; 0 is no exception."""
    for x in (0.0, -1e-38, 1e-20, -4e-5, 5e-5, -0.3, 1e30):
        slope = torch.autograd.functional.jacobian(log_and_sign, tensor(x))
        torch.testing.assert_close(slope, tensor([1 / (10 * x), 0.0] if abs(x) > 4.54e-5 else [0.0, math.exp(10)]))


# --- LearnedRate


def test_a_learned_rate_is_gradient_descent_and_its_star_gets_the_gradient_of_lesson_06():
    """After one step theta - e^a g, the derivative of the loss by a is -e^a (gradient after) . (gradient before)."""
    rule = LearnedRate(0.03).double()
    trace = unroll(loss_of, rule, start(), BATCHES[:1])
    torch.testing.assert_close(trace.params, unroll(loss_of, SGD(0.03), start(), BATCHES[:1]).params)
    leaves = {k: p.detach().requires_grad_() for k, p in trace.params.items()}
    after = torch.autograd.grad(loss_of(leaves, BATCHES[1]), list(leaves.values()))
    dot = sum((a * b).sum() for a, b in zip(after, trace.steps[0].grads.values(), strict=True))
    loss_of(trace.params, BATCHES[1]).backward()
    torch.testing.assert_close(rule.log_lr.grad, -0.03 * dot)


# --- CoordinateRates


def test_equal_rates_are_gradient_descent():
    learner = mlp(3, 4, 2).double()
    rule = CoordinateRates(learner.named_parameters(), lr=0.07)  # names with dots
    assert [p.shape for p in rule.parameters()] == [p.shape for p in learner.parameters()]
    params = dict(learner.named_parameters())
    grads = {k: torch.randn_like(p) for k, p in params.items()}
    new, state = rule.update(params, grads, rule.init(params), NO_LOSS)
    torch.testing.assert_close(new, {k: p - 0.07 * grads[k] for k, p in params.items()})
    assert state == ()


def test_rates_are_per_coordinate_and_a_negative_one_climbs():
    rule = CoordinateRates({"w": torch.zeros(3)})
    rule.rates[0].data = f64(0.1, -0.5, 0.0)
    new, _ = rule.update({"w": f64(1, 1, 1)}, {"w": f64(2, 2, 2)}, (), NO_LOSS)
    assert new["w"].tolist() == [1 - 0.2, 1 + 1.0, 1]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"w": (2, 3), "c": (1,)}, r"Parameter c has shape \(1,\); .* for no parameter of that name"),
        ({"w": (3, 2)}, r"Parameter w has shape \(3, 2\); .* for shape \(2, 3\)"),
        ({"w": (1, 3)}, r"Parameter w has shape \(1, 3\); .* for shape \(2, 3\)"),
        ({}, r"Parameter w is missing; .* for shape \(2, 3\)"),
    ],
)
def test_another_learner_is_refused_in_a_line(params, message):
    rule = CoordinateRates({"w": torch.zeros(2, 3)})
    params = {k: torch.zeros(shape) for k, shape in params.items()}
    for call in (lambda: rule.init(params), lambda: rule.update(params, params, (), NO_LOSS)):
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


# --- MetaLSTMGates


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_the_gates_equal_ravi_and_larochelles_formula_for_one_number():
    rule = shaken(MetaLSTMGates(p=7.0))
    (wf, wi), (bf, bi), (vf, vi) = (x.tolist() for x in (rule.seen.weight, rule.seen.bias, rule.before))
    theta, f, i = 0.4, 0.0, 0.0
    params, state = {"w": f64(theta)}, rule.init({"w": f64(theta)})
    assert state.tolist() == [[0, 0]]
    for g, loss in ((0.3, 2.0), (-1e-5, 0.01), (50.0, 1e-4)):
        params, state = rule.update(params, {"w": f64(g)}, state, f64(loss).squeeze())
        seen = [*two_numbers(g, 7), *two_numbers(loss, 7), theta]
        f = sigmoid(sum(w * x for w, x in zip(wf, seen, strict=True)) + vf * f + bf)
        i = sigmoid(sum(w * x for w, x in zip(wi, seen, strict=True)) + vi * i + bi)
        theta = f * theta - i * g
        assert state[0].tolist() == pytest.approx([f, i])
        assert params["w"].item() == pytest.approx(theta)


def test_the_gates_begin_as_nearly_gradient_descent():
    """f = sigmoid(6) = 0.9975 and i = sigmoid(-4.6) = 0.00995, within what weights of at most 0.01 change."""
    rule = MetaLSTMGates().double()
    assert rule.seen.weight.abs().max() <= 0.01 and rule.before.abs().max() <= 0.01
    params, grads = {"w": f64(1.0, -2.0, 0.5)}, {"w": f64(3.0, 0.1, -1.0)}
    new, gates = rule.update(params, grads, rule.init(params), f64(2.3).squeeze())
    torch.testing.assert_close(gates[:, 0], torch.full((3,), 0.9975, dtype=torch.float64), rtol=0, atol=3e-4)
    torch.testing.assert_close(gates[:, 1], torch.full((3,), 0.00995, dtype=torch.float64), rtol=0.06, atol=0)
    torch.testing.assert_close(new["w"], params["w"] - 0.00995 * grads["w"], rtol=0, atol=0.01)
    bold = MetaLSTMGates(forget_bias=20.0, input_bias=0.0).double()
    new, _ = bold.update(params, grads, bold.init(params), f64(2.3).squeeze())
    torch.testing.assert_close(new["w"], params["w"] - 0.5 * grads["w"], rtol=0, atol=0.06)


# --- LSTMOptimizer


def as_cells(rule):
    """PyTorch's own cells with the same numbers; they have two biases, of which one is enough."""
    cells = []
    for gates in rule.gates:
        inputs = gates.in_features - rule.hidden
        cell = nn.LSTMCell(inputs, rule.hidden, dtype=torch.float64)
        with torch.no_grad():
            cell.weight_ih.copy_(gates.weight[:, :inputs])
            cell.weight_hh.copy_(gates.weight[:, inputs:])
            cell.bias_ih.copy_(gates.bias)
            cell.bias_hh.zero_()
        cells.append(cell)
    return cells


@pytest.mark.parametrize(("layers", "scale"), [(1, 1.0), (2, 0.1), (3, 0.1)])
def test_one_coordinate_equals_a_stack_of_lstm_cells(layers, scale):
    rule = shaken(LSTMOptimizer(hidden=5, layers=layers, p=8.0, scale=scale))
    cells, memories = as_cells(rule), [(torch.zeros(1, 5, dtype=torch.float64),) * 2] * layers
    params, theta = {"w": f64(1.5)}, 1.5
    state = rule.init(params)
    for g in (0.7, -1e-5, 0.0, 300.0, -0.2):
        params, state = rule.update(params, {"w": f64(g)}, state, NO_LOSS)
        x = f64(two_numbers(g, 8))
        for k, cell in enumerate(cells):
            memories[k] = cell(x, memories[k])
            x = memories[k][0]
        theta += scale * (rule.output.weight @ x[0] + rule.output.bias).item()
        assert params["w"].item() == pytest.approx(theta, abs=1e-12)
    for k in range(layers):
        torch.testing.assert_close((state.h[k], state.c[k]), memories[k])


COORDINATEWISE = [LSTMOptimizer(hidden=4), MetaLSTMGates()]


def three_updates(rule, params, flat_grads):
    """Run on `params` with gradients given as rows of all coordinates; the final coordinates, in one row."""
    state = rule.init(params)
    sizes = [p.numel() for p in params.values()]
    for row in flat_grads:
        parts = row.split(sizes)
        grads = {k: part.view(p.shape) for part, (k, p) in zip(parts, params.items(), strict=True)}
        params, state = rule.update(params, grads, state, f64(1.0).squeeze())
    return torch.cat([p.flatten() for p in params.values()])


@pytest.mark.parametrize("rule", COORDINATEWISE, ids=name_of)
def test_coordinates_do_not_depend_on_their_place_nor_on_each_other(rule):
    """Permuted across tensors, the result is permuted; alone, each coordinate goes where it went in company."""
    shaken(rule)
    torch.manual_seed(1)
    theta, grads, order = torch.randn(6).double(), torch.randn(3, 6).double(), torch.randperm(6)
    result = three_updates(rule, {"a": theta[:4].view(2, 2), "b": theta[4:]}, grads)
    moved = three_updates(rule, {"a": theta[order][:4].view(2, 2), "b": theta[order][4:]}, grads[:, order])
    torch.testing.assert_close(moved, result[order])
    for k in range(6):
        alone = three_updates(rule, {"w": theta[k].view(())}, grads[:, k : k + 1])
        torch.testing.assert_close(alone, result[k : k + 1])
    assert (result - theta).std() > 1e-4  # not the same step for all


def test_each_coordinate_has_a_memory_of_its_own():
    """Two coordinates with the same gradient now, but not before, take different steps now."""
    rule = shaken(LSTMOptimizer(hidden=4))
    params = {"w": f64(0.0, 0.0)}
    state = rule.init(params)
    _, state = rule.update(params, {"w": f64(5.0, -5.0)}, state, NO_LOSS)
    new, _ = rule.update(params, {"w": f64(1.0, 1.0)}, state, NO_LOSS)
    assert abs(new["w"][0] - new["w"][1]) > 1e-3


@pytest.mark.parametrize("rule", [LSTMOptimizer(), MetaLSTMGates(), MLPOptimizer()], ids=name_of)
def test_the_same_stars_train_learners_of_any_size(rule):
    torch.manual_seed(0)
    x, y = torch.randn(16, 3), torch.randn(16, 1)
    for learner in (mlp(3, 5, 1), mlp(3, 50, 20, 1)):

        def loss(params, batch, learner=learner):
            return (functional_call(learner, params, (batch[0],)) - batch[1]).square().mean()

        trace = unroll(loss, rule, dict(learner.named_parameters()), [(x, y)] * 3)
        assert all(p.isfinite().all() and not torch.equal(p, learner.state_dict()[k]) for k, p in trace.params.items())


def test_an_lstm_begins_with_open_forget_gates_and_small_steps():
    torch.manual_seed(0)
    rule = LSTMOptimizer()
    for gates in rule.gates:
        assert (gates.bias[20:40] == 1).all()
        others = torch.cat([gates.weight.flatten(), gates.bias[:20], gates.bias[40:]])
        assert others.abs().max() <= 20**-0.5
        assert others.std().item() == pytest.approx(20**-0.5 / math.sqrt(3), rel=0.1)
    params = {"w": torch.randn(100)}
    new, _ = rule.update(params, {"w": 100 * torch.randn(100)}, rule.init(params), tensor(0.0))
    assert (new["w"] - params["w"]).abs().max() < 0.1


class Products(TorchDispatchMode):
    """Notes the shapes of every matrix product."""

    def __init__(self):
        super().__init__()
        self.shapes = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation.overloadpacket.__name__ in ("mm", "addmm", "bmm", "baddbmm"):
            self.shapes.append((operation.overloadpacket.__name__, *(tuple(a.shape) for a in args if a.ndim > 1)))
        return operation(*args, **(kwargs or {}))


def test_a_stack_of_tasks_is_one_product_a_layer():
    """Shared weights are not copied for each task: 8 tasks of 10 coordinates are 80 rows."""
    rule, grads = LSTMOptimizer(), torch.randn(8, 10)

    def one(g):
        params = {"w": torch.zeros_like(g)}
        return rule.update(params, {"w": g}, rule.init(params), tensor(0.0))[0]["w"]

    with Products() as products, torch.no_grad():
        vmap(one)(grads)
    assert products.shapes == [("mm", (80, 22), (22, 80)), ("mm", (80, 40), (40, 80)), ("mm", (80, 20), (20, 1))]


# --- MLPOptimizer


@pytest.mark.parametrize("lr", [0.01, 0.3])
def test_an_untrained_mlp_is_adam(lr):
    """torch.optim.Adam, 20 steps; ours stands inside the root, which changes little at gradients far above 1e-6."""
    rule = MLPOptimizer(lr=lr).double()
    ours = unroll(loss_of, rule, start(), BATCHES * 7).params
    theirs = {k: p.requires_grad_() for k, p in start().items()}
    optimizer = torch.optim.Adam(theirs.values(), lr=lr, eps=1e-8)
    for batch in BATCHES * 7:
        optimizer.zero_grad()
        loss_of(theirs, batch).backward()
        optimizer.step()
    torch.testing.assert_close(ours, {k: p.detach() for k, p in theirs.items()}, rtol=1e-5, atol=1e-6)


def test_a_trained_mlp_equals_its_formula_for_one_number_at_a_time():
    rule = shaken(MLPOptimizer(hidden=3, lr=0.05, decays=(0.6, 0.9), scales=(4, 20), bound=2.0))
    shapes = {"a": 3, "b": 1}
    gradients = [{"a": [0.3, -2.0, 0.0], "b": [1e-3]}, {"a": [1.0, 0.5, 0.0], "b": [-2e-3]}]
    theta = {"a": [1.0, -0.5, 0.2], "b": [0.4]}
    means = {k: [[0.0, 0.0] for _ in range(n)] for k, n in shapes.items()}
    squares = {k: [0.0] * n for k, n in shapes.items()}
    params = {k: f64(*v) for k, v in theta.items()}
    state = rule.init(params)

    def linear(layer, x):
        bias = [0.0] * len(layer.weight) if layer.bias is None else layer.bias.tolist()
        return [sum(w * v for w, v in zip(row, x, strict=True)) + b for row, b in zip(layer.weight, bias, strict=True)]

    for step, grads in enumerate(gradients, start=1):
        params, state = rule.update(params, {k: f64(*g) for k, g in grads.items()}, state, NO_LOSS)
        clock = linear(rule.clock, [math.tanh(step / 4), math.tanh(step / 20)])
        for k, n in shapes.items():
            rows, directions = [], []
            for j in range(n):
                g = grads[k][j]
                means[k][j] = [b * m + (1 - b) * g for b, m in zip((0.6, 0.9), means[k][j], strict=True)]
                squares[k][j] = 0.999 * squares[k][j] + 0.001 * g**2
                read = [g, *(m / (1 - b**step) for b, m in zip((0.6, 0.9), means[k][j], strict=True))]
                root = math.sqrt(squares[k][j] / (1 - 0.999**step) + 1e-12)
                rows.append([*read, root, theta[k][j]])
                directions.append([x / root for x in read])
            rms = [math.sqrt(sum(x * x for x in column) / n + 1e-12) for column in zip(*rows, strict=True)]
            for j in range(n):
                seen = [x / r for x, r in zip(rows[j], rms, strict=True)] + directions[j]
                first = [max(0, a + b) for a, b in zip(linear(rule.read, seen), clock, strict=True)]
                d, s = linear(rule.output, [max(0, x) for x in linear(rule.think, first)])
                theta[k][j] -= 0.05 * (directions[j][2] + d.item()) * math.exp(2 * math.tanh(s.item() / 2))
            torch.testing.assert_close(params[k], f64(*theta[k]), rtol=1e-5, atol=1e-7)
    assert state.steps.item() == 2


def test_an_mlps_steps_do_not_depend_on_the_unit_of_the_loss():
    """Every feature is a ratio: gradients 1000 times larger are the same steps."""
    rule = shaken(MLPOptimizer())
    small = unroll(loss_of, rule, start(), BATCHES).params
    large = unroll(lambda params, batch: 1000 * loss_of(params, batch), rule, start(), BATCHES).params
    torch.testing.assert_close(large, small, rtol=1e-6, atol=1e-8)
    assert not torch.allclose(small["b"], start()["b"], atol=1e-3)


def test_no_magnitude_is_too_large_for_an_mlp():
    """A step is at most lr e^bound times |Adam's direction + d|, whatever the last layer says."""
    rule = MLPOptimizer(lr=0.01, bound=3.0).double()
    rule.output.bias.data = f64(0.5, 1e8)
    params, grads = {"w": f64(1.0, 2.0)}, {"w": f64(3.0, -1.0)}
    new, _ = rule.update(params, grads, rule.init(params), NO_LOSS)
    torch.testing.assert_close(params["w"] - new["w"], 0.01 * math.exp(3) * (f64(1.0, -1.0) + 0.5))
