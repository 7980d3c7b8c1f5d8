import torch
from torch import nn
from torch.func import functional_call, grad
from torch.nn import functional as F

from metalearn_course.classroom.checks.lesson_01.train import losses
from metalearn_course.learners import mlp

NETWORK = mlp(64, 32, 10)


def forward__right__matmul(params, x):
    hidden = (x @ params["w1"] + params["b1"]).relu()
    return hidden @ params["w2"] + params["b2"]


def forward__right__linear(params, x):
    x = F.relu(F.linear(x, params["w1"].T, params["b1"]))
    return F.linear(x, params["w2"].T, params["b2"])


def forward__right__loop(params, x):
    layers = len(params) // 2
    for i in range(1, layers + 1):
        x = torch.einsum("ni,io->no", x, params[f"w{i}"]) + params[f"b{i}"]
        if i < layers:
            x = torch.where(x > 0, x, 0.0)
    return x


def forward__right__functional_call(params, x):
    net = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    named = {"0.weight": params["w1"].T, "0.bias": params["b1"], "2.weight": params["w2"].T, "2.bias": params["b2"]}
    return functional_call(net, named, (x,))


def forward__wrong__ignores_params__global_module(params, x):
    return NETWORK(x)


def forward__wrong__ignores_params__new_module(params, x):
    inputs, hidden = params["w1"].shape
    net = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, params["w2"].shape[1]))
    return net(x)


def forward__wrong__ignores_params__own_tensors(params, x):
    torch.manual_seed(0)
    w1, w2 = torch.randn(x.shape[1], 32), torch.randn(32, len(params["b2"]))
    return torch.relu(x @ w1) @ w2


def forward__wrong__gradient_lost__parameter(params, x):
    first, second = nn.Linear(1, 1), nn.Linear(1, 1)
    first.weight, first.bias = nn.Parameter(params["w1"].T), nn.Parameter(params["b1"])
    second.weight, second.bias = nn.Parameter(params["w2"].T), nn.Parameter(params["b2"])
    return second(torch.relu(first(x)))


def forward__wrong__gradient_lost__load_state_dict(params, x):
    inputs, hidden = params["w1"].shape
    net = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, params["w2"].shape[1]))
    net[0].load_state_dict({"weight": params["w1"].T, "bias": params["b1"]})
    net[2].load_state_dict({"weight": params["w2"].T, "bias": params["b2"]})
    return net(x)


def forward__wrong__gradient_lost__no_grad(params, x):
    with torch.no_grad():
        hidden = torch.relu(x @ params["w1"] + params["b1"])
        return hidden @ params["w2"] + params["b2"]


def forward__wrong__no_activation__matmul(params, x):
    hidden = x @ params["w1"] + params["b1"]
    return hidden @ params["w2"] + params["b2"]


def forward__wrong__no_activation__result_thrown_away(params, x):
    hidden = F.linear(x, params["w1"].T, params["b1"])
    hidden.relu()
    return F.linear(hidden, params["w2"].T, params["b2"])


def forward__wrong__activation_on_output__loop(params, x):
    for i in (1, 2):
        x = torch.relu(x @ params[f"w{i}"] + params[f"b{i}"])
    return x


def forward__wrong__activation_on_output__clamp(params, x):
    hidden = (x @ params["w1"] + params["b1"]).clamp(min=0)
    return (hidden @ params["w2"] + params["b2"]).clamp(min=0)


def forward__wrong__softmax_on_output__softmax(params, x):
    hidden = (x @ params["w1"] + params["b1"]).relu()
    return (hidden @ params["w2"] + params["b2"]).softmax(-1)


def forward__wrong__softmax_on_output__log_softmax(params, x):
    hidden = torch.relu(x @ params["w1"] + params["b1"])
    return F.log_softmax(hidden @ params["w2"] + params["b2"], dim=1)


def forward__wrong__wrong_value__tanh(params, x):
    return torch.tanh(x @ params["w1"] + params["b1"]) @ params["w2"] + params["b2"]


def forward__wrong__wrong_value__no_bias(params, x):
    return torch.relu(x @ params["w1"]) @ params["w2"]


def forward__wrong__raised__wrong_way_round(params, x):
    return params["w2"] @ torch.relu(params["w1"] @ x + params["b1"]) + params["b2"]


def sgd_update__right__comprehension(params, grads, lr):
    return {name: p - lr * grads[name] for name, p in params.items()}


def sgd_update__right__loop(params, grads, lr):
    new = {}
    for name in params:
        new[name] = torch.add(params[name], grads[name], alpha=-lr)
    return new


def sgd_update__right__clones(params, grads, lr):
    new = {name: p.clone() for name, p in params.items()}
    with torch.no_grad():
        for name, p in new.items():
            p -= lr * grads[name]
    return new


def sgd_update__wrong__updates_in_place__minus_equals(params, grads, lr):
    for name, p in params.items():
        p -= lr * grads[name]
    return params


def sgd_update__wrong__updates_in_place__copied_dict(params, grads, lr):
    new = dict(params)
    for name in new:
        new[name].sub_(lr * grads[name])
    return new


def sgd_update__wrong__updates_in_place__data(params, grads, lr):
    for name in params:
        params[name].data = params[name].data - lr * grads[name]
    return params


def sgd_update__wrong__updates_in_place__same_dict(params, grads, lr):
    for name in params:
        params[name] = params[name] - lr * grads[name]
    return params


def sgd_update__wrong__plus_sign__comprehension(params, grads, lr):
    return {name: p + lr * grads[name] for name, p in params.items()}


def sgd_update__wrong__plus_sign__minus_minus(params, grads, lr):
    step = {name: -lr * g for name, g in grads.items()}
    return {name: params[name] - step[name] for name in params}


def sgd_update__wrong__forgets_rate__comprehension(params, grads, lr):
    return {name: p - grads[name] for name, p in params.items()}


def sgd_update__wrong__forgets_rate__loop(params, grads, lr=0.1):
    new = {}
    for name, g in grads.items():
        new[name] = params[name].clone()
        new[name] -= g
    return new


def sgd_update__wrong__changes_inputs__gradient(params, grads, lr):
    return {name: p - grads[name].mul_(lr) for name, p in params.items()}


def sgd_update__wrong__wrong_value__rate_written_in(params, grads, lr):
    return {name: p - 0.1 * grads[name] for name, p in params.items()}


def train__right__func_grad(params, batches, lr):
    def mean_loss(params, batch):
        return losses(params, batch).mean()

    for batch in batches:
        grads = grad(mean_loss)(params, batch)
        params = {name: p - lr * grads[name] for name, p in params.items()}
    return params


def train__right__own_forward(params, batches, lr):
    for x, y in batches:
        params = {name: p.detach().requires_grad_() for name, p in params.items()}
        loss = F.cross_entropy(forward__right__matmul(params, x), y)
        grads = torch.autograd.grad(loss, list(params.values()))
        params = {name: p - lr * g for (name, p), g in zip(params.items(), grads, strict=True)}
    return params


def train__right__torch_optim(params, batches, lr):
    params = {name: p.clone().requires_grad_() for name, p in params.items()}
    optimizer = torch.optim.SGD(params.values(), lr=lr)
    for batch in batches:
        optimizer.zero_grad()
        losses(params, batch).mean().backward()
        optimizer.step()
    return params


def train__right__sum_over_n(params, batches, lr):
    for batch in batches:
        grads = grad(lambda p, batch=batch: losses(p, batch).sum() / len(batch.y))(params)
        params = sgd_update__right__comprehension(params, grads, lr)
    return params


def train__wrong__summed_loss__func_grad(params, batches, lr):
    for batch in batches:
        grads = grad(lambda params, batch: losses(params, batch).sum())(params, batch)
        params = {name: p - lr * grads[name] for name, p in params.items()}
    return params


def train__wrong__summed_loss__example_by_example(params, batches, lr):
    params = {name: p.clone().requires_grad_() for name, p in params.items()}
    for batch in batches:
        loss = torch.zeros(())
        for value in losses(params, batch):
            loss = loss + value
        loss.backward()
        with torch.no_grad():
            for p in params.values():
                p -= lr * p.grad
                p.grad = None
    return params


def train__wrong__gradient_at_start__new_params(params, batches, lr):
    new = dict(params)
    for batch in batches:
        grads = grad(lambda params, batch: losses(params, batch).mean())(params, batch)
        new = {name: p - lr * grads[name] for name, p in new.items()}
    return new


def train__wrong__gradient_at_start__all_gradients_first(params, batches, lr):
    leaves = [p.clone().requires_grad_() for p in params.values()]
    start = dict(zip(params, leaves, strict=True))
    gradients = [torch.autograd.grad(losses(start, batch).mean(), leaves) for batch in batches]
    current = list(params.values())
    for step in gradients:
        current = [p - lr * g for p, g in zip(current, step, strict=True)]
    return dict(zip(params, current, strict=True))


def train__wrong__gradients_pile_up__backward(params, batches, lr):
    params = {name: p.clone().requires_grad_() for name, p in params.items()}
    for batch in batches:
        losses(params, batch).mean().backward()
        with torch.no_grad():
            for p in params.values():
                p -= lr * p.grad
    return params


def train__wrong__gradients_pile_up__torch_optim(params, batches, lr):
    params = {name: p.clone().requires_grad_() for name, p in params.items()}
    optimizer = torch.optim.SGD(params.values(), lr=lr)
    for batch in batches:
        loss = F.cross_entropy(forward__right__linear(params, batch.x), batch.y)
        loss.backward()
        optimizer.step()
    return {name: p.detach() for name, p in params.items()}


def train__wrong__starts_again_each_batch__new_params(params, batches, lr):
    for batch in batches:
        grads = grad(lambda params, batch: losses(params, batch).mean())(params, batch)
        new = {name: p - lr * grads[name] for name, p in params.items()}
    return new


def train__wrong__starts_again_each_batch__clone_inside(params, batches, lr):
    for batch in batches:
        current = {name: p.clone().requires_grad_() for name, p in params.items()}
        losses(current, batch).mean().backward()
        with torch.no_grad():
            for p in current.values():
                p -= lr * p.grad
    return current


def train__wrong__one_step_for_all__cat(params, batches, lr):
    x, y = torch.cat([batch.x for batch in batches]), torch.cat([batch.y for batch in batches])
    grads = grad(lambda params: F.cross_entropy(forward__right__matmul(params, x), y))(params)
    return {name: p - lr * grads[name] for name, p in params.items()}


def train__wrong__one_step_for_all__mean_of_batches(params, batches, lr):
    def mean_loss(params):
        return sum(losses(params, batch).mean() for batch in batches) / len(batches)

    grads = grad(mean_loss)(params)
    return {name: p - lr * grads[name] for name, p in params.items()}


def train__wrong__trains_in_place__minus_equals(params, batches, lr):
    for batch in batches:
        grads = grad(lambda params, batch: losses(params, batch).mean())(params, batch)
        for name, p in params.items():
            p -= lr * grads[name]
    return params


def train__wrong__trains_in_place__leaves(params, batches, lr):
    for p in params.values():
        p.requires_grad_()
    for batch in batches:
        losses(params, batch).mean().backward()
        for p in params.values():
            p.data -= lr * p.grad
            p.grad.zero_()
    return params


def train__wrong__plus_sign__func_grad(params, batches, lr):
    for batch in batches:
        grads = grad(lambda params, batch: losses(params, batch).mean())(params, batch)
        params = {name: p + lr * grads[name] for name, p in params.items()}
    return params


def train__wrong__plus_sign__gradient_of_minus_the_loss(params, batches, lr):
    params = {name: p.clone().requires_grad_() for name, p in params.items()}
    optimizer = torch.optim.SGD(params.values(), lr=lr)
    for batch in batches:
        optimizer.zero_grad()
        (-losses(params, batch).mean()).backward()
        optimizer.step()
    return {name: p.detach() for name, p in params.items()}


def train__wrong__first_batch_only__return_inside_the_loop(params, batches, lr):
    for batch in batches:
        grads = grad(lambda params, batch: losses(params, batch).mean())(params, batch)
        params = {name: p - lr * grads[name] for name, p in params.items()}
        return params


def train__wrong__first_batch_only__no_loop(params, batches, lr):
    leaves = {name: p.clone().requires_grad_() for name, p in params.items()}
    x, y = batches[0]
    F.cross_entropy(forward__right__matmul(leaves, x), y).backward()
    return {name: p.detach() - lr * p.grad for name, p in leaves.items()}


def train__wrong__raised__no_reduction(params, batches, lr):
    for batch in batches:
        grads = grad(losses)(params, batch)
        params = {name: p - lr * grads[name] for name, p in params.items()}
    return params


def train__wrong__wrong_value__first_example_of_a_batch(params, batches, lr):
    for batch in batches:
        grads = grad(lambda params, batch: losses(params, batch)[0])(params, batch)
        params = {name: p - lr * grads[name] for name, p in params.items()}
    return params


def train__wrong__wrong_value__worst_example_of_a_batch(params, batches, lr):
    for batch in batches:
        grads = grad(lambda params, batch: losses(params, batch).max())(params, batch)
        params = {name: p - lr * grads[name] for name, p in params.items()}
    return params


def train__wrong__wrong_value__batches_in_any_order(params, batches, lr):
    for i in torch.randperm(len(batches)):
        grads = grad(lambda params, batch: losses(params, batch).mean())(params, batches[i])
        params = {name: p - lr * grads[name] for name, p in params.items()}
    return params


def momentum_update__right__comprehensions(params, grads, state, lr, momentum):
    velocity = {name: momentum * state[name] + g for name, g in grads.items()}
    return {name: p - lr * velocity[name] for name, p in params.items()}, velocity


def momentum_update__right__loop(params, grads, state, lr, momentum):
    new_params, new_state = {}, {}
    for name in params:
        new_state[name] = state[name] * momentum
        new_state[name] += grads[name]
        new_params[name] = params[name] - lr * new_state[name]
    return new_params, new_state


def momentum_update__right__torch_optim(params, grads, state, lr, momentum):
    leaves = {name: p.clone() for name, p in params.items()}
    optimizer = torch.optim.SGD(leaves.values(), lr=lr, momentum=momentum)
    for name, p in leaves.items():
        p.grad = grads[name].clone()
        optimizer.state[p]["momentum_buffer"] = state[name].clone()
    optimizer.step()
    return leaves, {name: optimizer.state[p]["momentum_buffer"] for name, p in leaves.items()}


def momentum_update__wrong__velocity_restarts__zeros(params, grads, state, lr, momentum):
    velocity = {name: torch.zeros_like(p) for name, p in params.items()}
    velocity = {name: momentum * velocity[name] + g for name, g in grads.items()}
    return {name: p - lr * velocity[name] for name, p in params.items()}, velocity


def momentum_update__wrong__velocity_restarts__new_optimizer(params, grads, state, lr, momentum):
    leaves = {name: p.clone() for name, p in params.items()}
    optimizer = torch.optim.SGD(leaves.values(), lr=lr, momentum=momentum)
    for name, p in leaves.items():
        p.grad = grads[name].clone()
    optimizer.step()
    return leaves, {name: optimizer.state[p]["momentum_buffer"] for name, p in leaves.items()}


def momentum_update__wrong__keeps_old_state__returns_state(params, grads, state, lr, momentum):
    new = {name: p - lr * (momentum * state[name] + grads[name]) for name, p in params.items()}
    return new, state


def momentum_update__wrong__keeps_old_state__lost_copy(params, grads, state, lr, momentum):
    new, new_state = {}, {name: v.clone() for name, v in state.items()}
    for name, v in new_state.items():
        v = momentum * v + grads[name]
        new[name] = params[name] - lr * v
    return new, new_state


def momentum_update__wrong__rate_twice__velocity_and_step(params, grads, state, lr, momentum):
    velocity = {name: momentum * state[name] + lr * g for name, g in grads.items()}
    return {name: p - lr * velocity[name] for name, p in params.items()}, velocity


def momentum_update__wrong__rate_twice__step(params, grads, state, lr, momentum):
    new, velocity = {}, {}
    for name, p in params.items():
        velocity[name] = momentum * state[name] + grads[name]
        step = lr * velocity[name]
        new[name] = p - lr * step
    return new, velocity


def momentum_update__wrong__rate_in_velocity__classical(params, grads, state, lr, momentum):
    velocity = {name: momentum * state[name] + lr * g for name, g in grads.items()}
    return {name: p - velocity[name] for name, p in params.items()}, velocity


def momentum_update__wrong__rate_in_velocity__scaled_gradients(params, grads, state, lr, momentum):
    new, velocity = {}, {}
    for name, g in grads.items():
        scaled = g * lr
        velocity[name] = torch.add(scaled, state[name], alpha=momentum)
        new[name] = params[name] - velocity[name]
    return new, velocity


def momentum_update__wrong__changes_state_in_place__same_dict(params, grads, state, lr, momentum):
    for name, g in grads.items():
        state[name] = momentum * state[name] + g
    return {name: p - lr * state[name] for name, p in params.items()}, state


def momentum_update__wrong__changes_state_in_place__same_tensors(params, grads, state, lr, momentum):
    new = {}
    for name, p in params.items():
        new[name] = p - lr * state[name].mul_(momentum).add_(grads[name])
    return new, state


def momentum_update__wrong__averages_gradient__comprehensions(params, grads, state, lr, momentum):
    velocity = {name: momentum * state[name] + (1 - momentum) * g for name, g in grads.items()}
    return {name: p - lr * velocity[name] for name, p in params.items()}, velocity


def momentum_update__wrong__averages_gradient__lerp(params, grads, state, lr, momentum):
    new, velocity = {}, {}
    for name, p in params.items():
        velocity[name] = torch.lerp(grads[name], state[name], momentum)
        new[name] = p - lr * velocity[name]
    return new, velocity


def momentum_update__wrong__averages_gradient__torch_optim_dampening(params, grads, state, lr, momentum):
    leaves = {name: p.clone() for name, p in params.items()}
    optimizer = torch.optim.SGD(leaves.values(), lr=lr, momentum=momentum, dampening=momentum)
    for name, p in leaves.items():
        p.grad = grads[name].clone()
        optimizer.state[p]["momentum_buffer"] = state[name].clone()
    optimizer.step()
    return leaves, {name: optimizer.state[p]["momentum_buffer"] for name, p in leaves.items()}


def momentum_update__wrong__steps_with_old_velocity__comprehensions(params, grads, state, lr, momentum):
    velocity = {name: momentum * state[name] + g for name, g in grads.items()}
    return {name: p - lr * state[name] for name, p in params.items()}, velocity


def momentum_update__wrong__steps_with_old_velocity__step_first(params, grads, state, lr, momentum):
    new, velocity = {}, {name: v.clone() for name, v in state.items()}
    for name, v in velocity.items():
        new[name] = torch.sub(params[name], v, alpha=lr)
        v.mul_(momentum).add_(grads[name])
    return new, velocity


def momentum_update__wrong__steps_with_old_velocity__state_returned_too(params, grads, state, lr, momentum):
    return {name: p - lr * state[name] for name, p in params.items()}, dict(state)


def momentum_update__wrong__swaps_results__comprehensions(params, grads, state, lr, momentum):
    velocity = {name: momentum * state[name] + g for name, g in grads.items()}
    return velocity, {name: p - lr * velocity[name] for name, p in params.items()}


def momentum_update__wrong__swaps_results__zip(params, grads, state, lr, momentum):
    pairs = {}
    for name, p in params.items():
        v = grads[name].add(state[name], alpha=momentum)
        pairs[name] = (v, p - lr * v)
    first, second = zip(*pairs.values(), strict=True)
    return dict(zip(pairs, first, strict=True)), dict(zip(pairs, second, strict=True))


def momentum_update__wrong__wrong_value__gradient_inside_the_product(params, grads, state, lr, momentum):
    velocity = {name: momentum * (state[name] + g) for name, g in grads.items()}
    return {name: p - lr * velocity[name] for name, p in params.items()}, velocity


def momentum_update__wrong__wrong_type__only_params(params, grads, state, lr, momentum):
    velocity = {name: momentum * state[name] + g for name, g in grads.items()}
    return {name: p - lr * velocity[name] for name, p in params.items()}


def momentum_update__wrong__wrong_value__rate_written_in(params, grads, state, lr, momentum):
    velocity = {name: momentum * state[name] + g for name, g in grads.items()}
    return {name: p - 0.1 * velocity[name] for name, p in params.items()}, velocity


def momentum_update__wrong__wrong_value__only_the_velocity_with_the_rate(params, grads, state, lr, momentum):
    velocity = {name: momentum * state[name] + lr * g for name, g in grads.items()}
    return {name: p - lr * (momentum * state[name] + grads[name]) for name, p in params.items()}, velocity
