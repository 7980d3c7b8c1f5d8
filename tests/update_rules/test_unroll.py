import pytest
import torch
from torch import tensor

from metalearn_course import SGD, Adam, Momentum, unroll


def f64(*values):
    return tensor(values, dtype=torch.float64)


def quartic(params, batch):
    return ((params["w"] - batch) ** 4).sum() + params["w"].prod()


BATCHES = [f64(0.5, -1.0), f64(0.1, 0.3), f64(-0.7, 0.2)]


def plain_loop(rule, params, batches, state=None):
    """The same training with autograd's own gradient and nothing kept."""
    state = rule.init(params) if state is None else state
    for batch in batches:
        w = params["w"].detach().requires_grad_()
        loss = quartic({"w": w}, batch)
        (g,) = torch.autograd.grad(loss, w)
        params, state = rule.update(params, {"w": g}, state, loss.detach())
    return params, state


@pytest.mark.parametrize("rule", [SGD(0.01), Momentum(0.01), Adam(0.01)])
def test_unroll_equals_a_plain_loop(rule):
    start = {"w": f64(1.0, -0.5)}
    torch.testing.assert_close(unroll(quartic, rule, start, BATCHES).params, plain_loop(rule, start, BATCHES)[0])


def test_the_start_stays_as_it_was():
    start = {"w": f64(1.0, -0.5)}
    unroll(quartic, SGD(0.1), start, BATCHES)
    assert start["w"].tolist() == [1.0, -0.5]


@pytest.mark.parametrize("rule", [Momentum(0.01), Adam(0.01)])
def test_a_run_in_two_parts_that_hands_on_its_state_equals_one_run(rule):
    start = {"w": f64(1.0, -0.5)}
    whole = unroll(quartic, rule, start, BATCHES)
    first = unroll(quartic, rule, start, BATCHES[:2])
    second = unroll(quartic, rule, first.params, BATCHES[2:], state=first.state)
    assert torch.equal(second.params["w"], whole.params["w"])
    forgetful = unroll(quartic, rule, first.params, BATCHES[2:])
    assert not torch.equal(forgetful.params["w"], whole.params["w"])


def test_the_trace_holds_every_step_as_it_was_before_its_update():
    trace = unroll(quartic, SGD(0.01), {"w": f64(1.0, -0.5)}, BATCHES)
    after = [step.params for step in trace.steps[1:]] + [trace.params]
    assert len(trace.steps) == 3
    assert trace.steps[0].params["w"].tolist() == [1.0, -0.5]
    for step, batch, then in zip(trace.steps, BATCHES, after, strict=True):
        w, t = step.params["w"], batch
        assert step.loss.item() == pytest.approx(((w - t) ** 4).sum().item() + (w[0] * w[1]).item())
        torch.testing.assert_close(step.grads["w"], 4 * (w - t) ** 3 + w.flip(0))
        torch.testing.assert_close(then["w"], w - 0.01 * step.grads["w"])


def test_no_batches_are_no_steps():
    start = {"w": f64(1.0, -0.5)}
    trace = unroll(quartic, Momentum(0.1), start, [])
    assert trace.params is start and trace.steps == [] and trace.state["w"].tolist() == [0, 0]


def meta_gradient(loss, lr, steps, first_order):
    """Of the square of the final weights."""
    w = f64(3.0).requires_grad_()
    final = unroll(loss, SGD(lr), {"w": w}, [None] * steps, first_order=first_order).params["w"]
    return torch.autograd.grad(final.square().sum(), w)[0].item(), final.item()


def test_first_order_is_exact_where_the_hessian_is_zero():
    def straight(params, _):
        return 5 * params["w"].sum()

    assert meta_gradient(straight, 0.1, 3, first_order=True) == meta_gradient(straight, 0.1, 3, first_order=False)
    assert meta_gradient(straight, 0.1, 3, first_order=True)[0] == pytest.approx(2 * (3 - 0.1 * 3 * 5))


def test_first_order_drops_the_hessian_where_there_is_one():
    """Inner loss h w^2 / 2: w_k = (1 - lr h)^k w_0. The full gradient of w_k^2 keeps it, first order does not."""

    def bowl(params, _):
        return 2.0 * params["w"].square().sum()  # h = 4

    shrink = (1 - 0.1 * 4) ** 3
    full, final = meta_gradient(bowl, 0.1, 3, first_order=False)
    assert final == pytest.approx(3 * shrink)
    assert full == pytest.approx(2 * final * shrink)
    assert meta_gradient(bowl, 0.1, 3, first_order=True)[0] == pytest.approx(2 * final)


def test_the_gradient_of_the_rate_is_minus_the_product_of_two_gradients():
    """d/d lr L_B(w - lr g_S(w)) = - g_B(w') . g_S(w): lesson 06's first star."""
    lr, w, support, query = f64(0.05).requires_grad_(), f64(1.0, -0.5), *BATCHES[:2]
    final = unroll(quartic, SGD(lr), {"w": w}, [support]).params
    (outer,) = torch.autograd.grad(quartic(final, query), lr)
    w_after = w - 0.05 * (4 * (w - support) ** 3 + w.flip(0))
    g_support = 4 * (w - support) ** 3 + w.flip(0)
    g_query = 4 * (w_after - query) ** 3 + w_after.flip(0)
    assert outer.item() == pytest.approx(-(g_query @ g_support).item())


def test_a_rate_reaches_its_gradient_in_first_order_too():
    lr = f64(0.05).requires_grad_()
    final = unroll(quartic, SGD(lr), {"w": f64(1.0, -0.5)}, BATCHES[:1], first_order=True).params
    assert torch.autograd.grad(quartic(final, BATCHES[1]), lr)[0].item() != 0


@pytest.mark.parametrize("rule", [SGD(0.01), Momentum(0.01), Adam(0.01)])
def test_the_meta_gradient_equals_finite_differences(rule):
    def outer(w):
        return quartic(unroll(quartic, rule, {"w": w}, BATCHES[:2]).params, BATCHES[2])

    assert torch.autograd.gradcheck(outer, f64(0.9, -0.4).requires_grad_())


def test_unroll_under_vmap_equals_a_loop():
    starts = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def final(w):
        return unroll(quartic, Adam(0.01), {"w": w}, BATCHES).params["w"]

    torch.testing.assert_close(torch.vmap(final)(starts), torch.stack([final(w) for w in starts]))
