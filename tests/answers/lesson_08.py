import copy
import math

import torch
import torch.nn.functional as F
from torch import tensor
from torch.func import vmap
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten


def meta_sgd_step__right__dict_of_new_parameters(params, grads, rates):
    return {name: p - rates[name] * grads[name] for name, p in params.items()}


def meta_sgd_step__right__loop_with_addcmul(params, grads, rates):
    new = {}
    for name in params:
        new[name] = torch.addcmul(params[name], rates[name], grads[name], value=-1)
    return new


def meta_sgd_step__right__tree_map(params, grads, rates):
    return tree_map(lambda p, g, r: p + -g * r, params, grads, rates)


def meta_sgd_step__wrong__one_rate_for_all__mean_of_all(params, grads, rates):
    rate = torch.cat([r.flatten() for r in rates.values()]).mean()
    return {name: p - rate * grads[name] for name, p in params.items()}


def meta_sgd_step__wrong__one_rate_for_all__one_for_each_tensor(params, grads, rates):
    return {name: p - rates[name].mean() * grads[name] for name, p in params.items()}


def meta_sgd_step__wrong__one_rate_for_all__the_first(params, grads, rates):
    lr = next(iter(rates.values())).flatten()[0].item()
    return {name: p.sub(grads[name], alpha=lr) for name, p in params.items()}


def meta_sgd_step__wrong__exponentiates__exp(params, grads, rates):
    return {name: p - rates[name].exp() * grads[name] for name, p in params.items()}


def meta_sgd_step__wrong__exponentiates__power_of_e(params, grads, rates):
    alphas = {name: math.e**r for name, r in rates.items()}
    return tree_map(lambda p, g, a: p - a * g, params, grads, alphas)


def meta_sgd_step__wrong__forces_positive__abs(params, grads, rates):
    return {name: p - rates[name].abs() * grads[name] for name, p in params.items()}


def meta_sgd_step__wrong__forces_positive__clamp(params, grads, rates):
    return {name: p - grads[name] * rates[name].clamp(min=0.0) for name, p in params.items()}


def meta_sgd_step__wrong__forces_positive__softplus(params, grads, rates):
    return {name: p - F.softplus(rates[name]) * grads[name] for name, p in params.items()}


def meta_sgd_step__wrong__climbs__plus(params, grads, rates):
    return {name: p + rates[name] * grads[name] for name, p in params.items()}


def meta_sgd_step__wrong__climbs__addcmul(params, grads, rates):
    return {name: torch.addcmul(p, rates[name], grads[name]) for name, p in params.items()}


def meta_sgd_step__wrong__cuts_gradient__rates_as_data(params, grads, rates):
    return {name: p - rates[name].data * grads[name] for name, p in params.items()}


def meta_sgd_step__wrong__cuts_gradient__detached_gradients(params, grads, rates):
    return {name: p - rates[name] * grads[name].detach() for name, p in params.items()}


def meta_sgd_step__wrong__cuts_gradient__no_grad(params, grads, rates):
    with torch.no_grad():
        new = {name: p - rates[name] * grads[name] for name, p in params.items()}
    return {name: p.requires_grad_() for name, p in new.items()}


def meta_sgd_step__wrong__cuts_gradient__copied_params(params, grads, rates):
    fast = {name: p.detach().clone() for name, p in params.items()}
    for name in fast:
        fast[name] = fast[name] - rates[name] * grads[name]
    return fast


def meta_sgd_step__wrong__breaks_under_vmap__refuses_nan(params, grads, rates):
    for name, g in grads.items():
        if g.isnan().any():
            raise ValueError(f"the gradient of {name} is NaN")
    return {name: p - rates[name] * grads[name] for name, p in params.items()}


def meta_sgd_step__wrong__breaks_under_vmap__skips_zero_gradients(params, grads, rates):
    return {name: p - rates[name] * grads[name] if grads[name].norm() > 0 else p for name, p in params.items()}


def meta_sgd_step__wrong__changes_inputs__minus_equals(params, grads, rates):
    for name, p in params.items():
        p -= rates[name] * grads[name]
    return params


def log_and_sign__right__two_lines_with_clamp(x, p):
    size = x.abs().clamp_min(math.exp(-p)).log() / p
    sign = (math.exp(p) * x).clamp(-1, 1)
    return torch.stack([size, sign], dim=-1)


def log_and_sign__right__where(x, p):
    large = x.abs() >= math.exp(-p)
    safe = torch.where(large, x.abs(), torch.ones_like(x))
    size = torch.where(large, safe.log() / p, -1.0)
    sign = torch.where(large, x.sign(), math.exp(p) * x)
    return torch.stack([size, sign], dim=x.ndim)


def log_and_sign__right__maximum_and_cat(x, p):
    floor = torch.full_like(x, math.e**-p)
    return torch.cat([(x.abs().maximum(floor).log() / p)[..., None], F.hardtanh(x * math.e**p)[..., None]], -1)


def log_and_sign__wrong__log_of_negative__where(x, p):
    large = x.abs() >= math.exp(-p)
    size = torch.where(large, x.log() / p, -1.0)
    return torch.stack([size, torch.where(large, x.sign(), math.exp(p) * x)], dim=-1)


def log_and_sign__wrong__log_of_negative__clamped_to_tiny(x, p):
    size = x.clamp_min(math.exp(-p)).log() / p
    return torch.stack([size, (math.exp(p) * x).clamp(-1, 1)], dim=-1)


def log_and_sign__wrong__log_of_negative__no_case_at_all(x, p):
    return torch.stack([torch.log(x) / p, torch.sign(x)], dim=-1)


def log_and_sign__wrong__no_clamp__log_of_abs(x, p):
    return torch.stack([x.abs().log() / p, x.sign()], dim=-1)


def log_and_sign__wrong__no_clamp__a_little_added(x, p):
    size = (x.abs() + 1e-8).log() / p
    return torch.stack([size, (math.exp(p) * x).clamp(-1, 1)], dim=-1)


def log_and_sign__wrong__no_clamp__only_zero_is_saved(x, p):
    size = torch.where(x == 0, -1.0, torch.where(x == 0, 1.0, x).abs().log() / p)
    return torch.stack([size, (math.exp(p) * x).clamp(-1, 1)], dim=-1)


def log_and_sign__wrong__no_division_by_p__clamped_at_minus_p(x, p):
    size = x.abs().clamp_min(math.exp(-p)).log()
    return torch.stack([size, (math.exp(p) * x).clamp(-1, 1)], dim=-1)


def log_and_sign__wrong__no_division_by_p__where(x, p):
    large = x.abs() >= math.exp(-p)
    size = torch.where(large, x.abs().log(), -1.0)
    return torch.stack([size, torch.where(large, x.sign(), math.exp(p) * x)], dim=-1)


def log_and_sign__wrong__sign_of_small__sign(x, p):
    return torch.stack([x.abs().clamp_min(math.exp(-p)).log() / p, x.sign()], dim=-1)


def log_and_sign__wrong__sign_of_small__divided_by_abs(x, p):
    size = x.abs().clamp_min(math.exp(-p)).log() / p
    return torch.stack([size, x / x.abs().clamp_min(1e-30)], dim=-1)


def log_and_sign__wrong__stacks_in_front__stack(x, p):
    return torch.stack([x.abs().clamp_min(math.exp(-p)).log() / p, (math.exp(p) * x).clamp(-1, 1)])


def log_and_sign__wrong__stacks_in_front__cat(x, p):
    size = x.abs().clamp_min(math.exp(-p)).log() / p
    return torch.cat([size[None], (math.exp(p) * x).clamp(-1, 1)[None]])


def log_and_sign__wrong__swaps_the_two__stack(x, p):
    return torch.stack([(math.exp(p) * x).clamp(-1, 1), x.abs().clamp_min(math.exp(-p)).log() / p], dim=-1)


def log_and_sign__wrong__swaps_the_two__flip(x, p):
    return log_and_sign__right__where(x, p).flip(-1)


def log_and_sign__wrong__nan_slope__where_after_log(x, p):
    large = x.abs() >= math.exp(-p)
    size = torch.where(large, x.abs().log() / p, -1.0)
    return torch.stack([size, torch.where(large, x.sign(), math.exp(p) * x)], dim=-1)


def log_and_sign__wrong__nan_slope__clamp_after_log(x, p):
    size = (x.abs().log() / p).clamp_min(-1.0)
    return torch.stack([size, (math.exp(p) * x).clamp(-1, 1)], dim=-1)


def log_and_sign__wrong__cuts_gradient__detach(x, p):
    x = x.detach()
    return torch.stack([x.abs().clamp_min(math.exp(-p)).log() / p, (math.exp(p) * x).clamp(-1, 1)], dim=-1)


def log_and_sign__wrong__cuts_gradient__python_numbers(x, p):
    pairs = []
    for number in x.flatten().tolist():
        if abs(number) >= math.exp(-p):
            pairs.append([math.log(abs(number)) / p, math.copysign(1.0, number)])
        else:
            pairs.append([-1.0, math.exp(p) * number])
    return tensor(pairs, dtype=x.dtype).reshape(*x.shape, 2)


def log_and_sign__wrong__breaks_under_vmap__mask(x, p):
    size, sign = -torch.ones_like(x), math.exp(p) * x
    large = x.abs() >= math.exp(-p)
    size[large] = x[large].abs().log() / p
    sign[large] = x[large].sign()
    return torch.stack([size, sign], dim=-1)


def log_and_sign__wrong__breaks_under_vmap__if(x, p):
    rows = []
    for number in x.flatten():
        if number.abs() >= math.exp(-p):
            rows.append(torch.stack([number.abs().log() / p, number.sign()]))
        else:
            rows.append(torch.stack([number * 0 - 1, math.exp(p) * number]))
    return torch.stack(rows).reshape(*x.shape, 2)


def log_and_sign__wrong__wrong_value__a_little_added(x, p):
    size = torch.where(x.abs() >= math.exp(-p), (x.abs() + 1e-8).log() / p, -1.0)
    return torch.stack([size, (math.exp(p) * x).clamp(-1, 1)], -1)


def log_and_sign__wrong__wrong_value__size_at_most_one(x, p):
    size = (x.abs().clamp_min(math.exp(-p)).log() / p).clamp(-1, 1)
    return torch.stack([size, (math.exp(p) * x).clamp(-1, 1)], -1)


def _start(phi, p):
    return phi["start"].expand(p.numel(), -1)


def coordinatewise__right__vmap(cell, phi, params, grads, states):
    new, remembered = {}, {}
    for name, p in params.items():
        h = _start(phi, p) if states is None else states[name]
        step, remembered[name] = vmap(cell, in_dims=(None, 0, 0))(phi, grads[name].flatten(), h)
        new[name] = p + step.reshape(p.shape)
    return new, remembered


def coordinatewise__right__a_loop_over_coordinates(cell, phi, params, grads, states):
    if states is None:
        states = {name: [phi["start"]] * p.numel() for name, p in params.items()}
    new, remembered = {}, {}
    for name, p in params.items():
        moved = [cell(phi, g, h) for g, h in zip(grads[name].reshape(-1), states[name], strict=True)]
        new[name] = p + torch.stack([step for step, _ in moved]).view(p.shape)
        remembered[name] = [h for _, h in moved]
    return new, remembered


def coordinatewise__right__all_tensors_in_one_row(cell, phi, params, grads, states):
    sizes = [p.numel() for p in params.values()]
    if states is None:
        states = phi["start"].repeat(sum(sizes), 1)
    flat = torch.cat([grads[name].flatten() for name in params])
    steps, states = vmap(lambda g, h: cell(phi, g, h))(flat, states)
    parts = steps.split(sizes)
    return {name: p + s.view_as(p) for (name, p), s in zip(params.items(), parts, strict=True)}, states


def coordinatewise__wrong__one_state_for_all__mean(cell, phi, params, grads, states):
    h = phi["start"] if states is None else states
    new, after = {}, []
    for name, p in params.items():
        step, moved = vmap(cell, in_dims=(None, 0, None))(phi, grads[name].flatten(), h)
        new[name] = p + step.reshape(p.shape)
        after.append(moved)
    return new, torch.cat(after).mean(0)


def coordinatewise__wrong__one_state_for_all__handed_on(cell, phi, params, grads, states):
    h = phi["start"] if states is None else states
    new = {}
    for name, p in params.items():
        steps = []
        for g in grads[name].flatten():
            step, h = cell(phi, g, h)
            steps.append(step)
        new[name] = p + torch.stack(steps).reshape(p.shape)
    return new, h


def coordinatewise__wrong__one_state_for_all__the_last(cell, phi, params, grads, states):
    h = phi["start"] if states is None else states
    new = {}
    for name, p in params.items():
        moved = [cell(phi, g, h) for g in grads[name].flatten()]
        new[name] = p + torch.stack([step for step, _ in moved]).reshape(p.shape)
    return new, moved[-1][1]


def coordinatewise__wrong__one_state_for_all__one_for_each_tensor(cell, phi, params, grads, states):
    states = dict.fromkeys(params, phi["start"]) if states is None else dict(states)
    new = {}
    for name, p in params.items():
        step, h = vmap(cell, in_dims=(None, 0, None))(phi, grads[name].flatten(), states[name])
        new[name], states[name] = p + step.reshape(p.shape), h[0]
    return new, states


def coordinatewise__wrong__weights_per_coordinate__vmap_over_phi(cell, phi, params, grads, states):
    new, remembered = {}, {}
    for name, p in params.items():
        h = _start(phi, p) if states is None else states[name]
        step, remembered[name] = vmap(cell)(phi, grads[name].flatten(), h)
        new[name] = p + step.reshape(p.shape)
    return new, remembered


def coordinatewise__wrong__weights_per_coordinate__a_row_for_each(cell, phi, params, grads, states):
    if states is None:
        states = {name: [phi["start"]] * p.numel() for name, p in params.items()}
    new, remembered = {}, {}
    for name, p in params.items():
        rows = [{key: w[i] for key, w in phi.items()} for i in range(p.numel())]
        moved = [cell(*inputs) for inputs in zip(rows, grads[name].flatten(), states[name], strict=True)]
        new[name] = p + torch.stack([step for step, _ in moved]).reshape(p.shape)
        remembered[name] = [h for _, h in moved]
    return new, remembered


def coordinatewise__wrong__weights_per_coordinate__scaled_by_a_row(cell, phi, params, grads, states):
    new, remembered = {}, {}
    for name, p in params.items():
        h = _start(phi, p) if states is None else states[name]
        moved = []
        for i, g in enumerate(grads[name].flatten()):
            own = phi | {"read": phi["read"][i], "out": phi["out"][i].expand(3)}
            moved.append(cell(own, g, h[i]))
        new[name] = p + torch.stack([step for step, _ in moved]).reshape(p.shape)
        remembered[name] = torch.stack([state for _, state in moved])
    return new, remembered


def coordinatewise__wrong__mixes_gradients__the_whole_gradient(cell, phi, params, grads, states):
    states = dict.fromkeys(params, phi["start"]) if states is None else states
    moved = {name: cell(phi, grads[name].flatten(), states[name]) for name in params}
    return {name: p + moved[name][0] for name, p in params.items()}, {name: h for name, (_, h) in moved.items()}


def coordinatewise__wrong__mixes_gradients__the_sum(cell, phi, params, grads, states):
    states = dict.fromkeys(params, phi["start"]) if states is None else states
    moved = {name: cell(phi, grads[name].sum(), states[name]) for name in params}
    return {name: p + moved[name][0] for name, p in params.items()}, {name: h for name, (_, h) in moved.items()}


def coordinatewise__wrong__mixes_gradients__normalized_by_the_norm(cell, phi, params, grads, states):
    grads = {name: g / g.norm() for name, g in grads.items()}
    return coordinatewise__right__vmap(cell, phi, params, grads, states)


def coordinatewise__wrong__ignores_start__zeros(cell, phi, params, grads, states):
    if states is None:
        states = {name: torch.zeros(p.numel(), len(phi["start"]), dtype=p.dtype) for name, p in params.items()}
    return coordinatewise__right__vmap(cell, phi, params, grads, states)


def coordinatewise__wrong__ignores_start__zeros_like_its_row(cell, phi, params, grads, states):
    new, remembered = {}, {}
    for name, p in params.items():
        h = [torch.zeros_like(phi["start"])] * p.numel() if states is None else states[name]
        moved = [cell(phi, g, row) for g, row in zip(grads[name].flatten(), h, strict=True)]
        new[name] = p + torch.stack([step for step, _ in moved]).reshape(p.shape)
        remembered[name] = [row for _, row in moved]
    return new, remembered


def coordinatewise__wrong__forgets_state__always_the_start(cell, phi, params, grads, states):
    states = {name: _start(phi, p) for name, p in params.items()}
    return coordinatewise__right__vmap(cell, phi, params, grads, states)


def coordinatewise__wrong__forgets_state__returns_the_old_ones(cell, phi, params, grads, states):
    if states is None:
        states = {name: phi["start"].repeat(p.numel(), 1) for name, p in params.items()}
    new = {}
    for name, p in params.items():
        steps = [cell(phi, g, h)[0] for g, h in zip(grads[name].flatten(), states[name], strict=True)]
        new[name] = p + torch.stack(steps).reshape(p.shape)
    return new, states


def coordinatewise__wrong__subtracts_step__minus(cell, phi, params, grads, states):
    new, states = coordinatewise__right__vmap(cell, phi, params, grads, states)
    return {name: p - (new[name] - p) for name, p in params.items()}, states


def coordinatewise__wrong__subtracts_step__the_steps_negated(cell, phi, params, grads, states):
    def downhill(phi, g, h):
        step, h = cell(phi, g, h)
        return -step, h

    return coordinatewise__right__vmap(downhill, phi, params, grads, states)


def coordinatewise__wrong__returns_the_step__reshaped(cell, phi, params, grads, states):
    steps, remembered = {}, {}
    for name, p in params.items():
        h = _start(phi, p) if states is None else states[name]
        step, remembered[name] = vmap(cell, in_dims=(None, 0, 0))(phi, grads[name].flatten(), h)
        steps[name] = step.reshape(p.shape)
    return steps, remembered


def coordinatewise__wrong__returns_the_step__from_zero(cell, phi, params, grads, states):
    zeros = {name: torch.zeros_like(p) for name, p in params.items()}
    return coordinatewise__right__a_loop_over_coordinates(cell, phi, zeros, grads, states)


def coordinatewise__wrong__cuts_gradient__detached_states(cell, phi, params, grads, states):
    new, states = coordinatewise__right__vmap(cell, phi, params, grads, states)
    return new, {name: h.detach() for name, h in states.items()}


def coordinatewise__wrong__cuts_gradient__no_grad(cell, phi, params, grads, states):
    with torch.no_grad():
        return coordinatewise__right__vmap(cell, phi, params, grads, states)


def coordinatewise__wrong__cuts_gradient__copied_weights(cell, phi, params, grads, states):
    phi = copy.deepcopy({name: w.detach() for name, w in phi.items()})
    return coordinatewise__right__a_loop_over_coordinates(cell, phi, params, grads, states)


def coordinatewise__wrong__breaks_under_vmap__counts_steps(cell, phi, params, grads, states):
    steps, states = (0, None) if states is None else states
    new, states = coordinatewise__right__vmap(cell, phi, params, grads, states)
    return new, (steps + 1, states)


def coordinatewise__wrong__breaks_under_vmap__asks_about_a_number(cell, phi, params, grads, states):
    for g in grads.values():
        if g.abs().max() > 1e6:
            raise ValueError("diverged")
    return coordinatewise__right__all_tensors_in_one_row(cell, phi, params, grads, states)


def coordinatewise__wrong__raised__state_of_a_number(cell, phi, params, grads, states):
    states = states or {name: phi["start"][0].expand(p.numel()) for name, p in params.items()}
    moved = {name: vmap(cell, (None, 0, 0))(phi, grads[name].flatten(), states[name]) for name in params}
    new = {name: p + moved[name][0].reshape(p.shape) for name, p in params.items()}
    return new, {name: h for name, (_, h) in moved.items()}


def _mean(score, problems):
    return lambda rate: score(rate, problems).mean().nan_to_num(math.inf).item()


def tune_fairly__right__a_list_that_grows(score, grid, tuning, held_out):
    grid, factor = list(grid), grid[1] / grid[0]
    while True:
        means = torch.stack([score(rate, tuning).mean() for rate in grid]).nan_to_num(math.inf)
        best = int(means.argmin())
        if best == 0:
            grid = [grid[0] / factor, *grid]
        elif best == len(grid) - 1:
            grid = [*grid, grid[-1] * factor]
        else:
            return grid[best], score(grid[best], held_out).mean().item()


def tune_fairly__right__walks_downhill(score, grid, tuning, held_out):
    mean, factor = _mean(score, tuning), grid[1] / grid[0]
    rate = min(grid, key=mean)
    while mean(rate * factor) < mean(rate):
        rate = rate * factor
    while mean(rate / factor) < mean(rate):
        rate = rate / factor
    return float(rate), float(score(rate, held_out).mean())


def tune_fairly__right__a_dict(score, grid, tuning, held_out):
    tried = {}
    rates = list(grid)
    while not tried or min(tried, key=tried.get) in (min(tried), max(tried)):
        for rate in rates:
            losses = score(rate, tuning)
            tried[rate] = losses.mean().item() if losses.isfinite().all() else math.inf
        rates = [min(tried) * grid[0] / grid[1], max(tried) * grid[1] / grid[0]]
    best = min(tried, key=tried.get)
    return best, score(best, held_out).mean().item()


def tune_fairly__wrong__tunes_on_held_out__swapped(score, grid, tuning, held_out):
    return tune_fairly__right__a_list_that_grows(score, grid, held_out, tuning)


def tune_fairly__wrong__tunes_on_held_out__held_out_only(score, grid, tuning, held_out):
    return tune_fairly__right__walks_downhill(score, grid, held_out, held_out)


def tune_fairly__wrong__tunes_on_held_out__both_together(score, grid, tuning, held_out):
    def both(rate, problems):
        return torch.cat([score(rate, tuning), score(rate, held_out)])

    rate, _ = tune_fairly__right__walks_downhill(both, grid, tuning, held_out)
    return rate, score(rate, held_out).mean().item()


def tune_fairly__wrong__best_rate_per_problem__lowest_loss_of_each(score, grid, tuning, held_out):
    rate, _ = tune_fairly__right__a_list_that_grows(score, grid, tuning, held_out)
    losses = torch.stack([score(r, held_out) for r in grid])
    return rate, losses.min(0).values.mean().item()


def tune_fairly__wrong__best_rate_per_problem__mean_of_the_best_rates(score, grid, tuning, held_out):
    losses = torch.stack([score(rate, tuning) for rate in grid])
    rate = tensor(grid)[losses.argmin(0)].mean().item()
    return rate, score(rate, held_out).mean().item()


def tune_fairly__wrong__best_rate_per_problem__median_of_the_best_rates(score, grid, tuning, held_out):
    losses = torch.stack([score(rate, tuning) for rate in grid])
    own = sorted(grid[i] for i in losses.argmin(dim=0).tolist())
    rate = own[len(own) // 2]
    return rate, score(rate, held_out).mean().item()


def tune_fairly__wrong__reports_tuning_loss__again(score, grid, tuning, held_out):
    return tune_fairly__right__a_list_that_grows(score, grid, tuning, tuning)


def tune_fairly__wrong__reports_tuning_loss__the_lowest(score, grid, tuning, held_out):
    rate, _ = tune_fairly__right__walks_downhill(score, grid, tuning, held_out)
    return rate, _mean(score, tuning)(rate)


def tune_fairly__wrong__accepts_edge__min(score, grid, tuning, held_out):
    best = min(grid, key=_mean(score, tuning))
    return best, score(best, held_out).mean().item()


def tune_fairly__wrong__accepts_edge__argmin(score, grid, tuning, held_out):
    means = torch.stack([score(rate, tuning).mean().nan_to_num(math.inf) for rate in grid])
    rate = grid[means.argmin()]
    return rate, score(rate, held_out).mean().item()


def tune_fairly__wrong__widens_one_side__upwards(score, grid, tuning, held_out):
    grid, mean = list(grid), _mean(score, tuning)
    while min(grid, key=mean) == grid[-1]:
        grid = [*grid, grid[-1] * grid[1] / grid[0]]
    best = min(grid, key=mean)
    return best, score(best, held_out).mean().item()


def tune_fairly__wrong__widens_one_side__downwards(score, grid, tuning, held_out):
    grid, mean = list(grid), _mean(score, tuning)
    best = min(grid, key=mean)
    while best == grid[0]:
        grid.insert(0, grid[0] * grid[0] / grid[1])
        best = min(grid, key=mean)
    return best, score(best, held_out).mean().item()


def tune_fairly__wrong__widens_once__one_more(score, grid, tuning, held_out):
    factor, mean = grid[1] / grid[0], _mean(score, tuning)
    if min(grid, key=mean) in (grid[0], grid[-1]):
        grid = [grid[0] / factor, *grid, grid[-1] * factor]
    best = min(grid, key=mean)
    return best, score(best, held_out).mean().item()


def tune_fairly__wrong__widens_once__three_more(score, grid, tuning, held_out):
    factor = grid[1] / grid[0]
    wide = [grid[0] * factor**k for k in range(-3, len(grid) + 3)]
    best = min(wide, key=_mean(score, tuning))
    return best, score(best, held_out).mean().item()


def tune_fairly__wrong__nan_wins__argmin(score, grid, tuning, held_out):
    grid, factor = list(grid), grid[1] / grid[0]
    while True:
        best = int(torch.stack([score(rate, tuning).mean() for rate in grid]).argmin())
        if best == 0:
            grid = [grid[0] / factor, *grid]
        elif best == len(grid) - 1:
            grid = [*grid, grid[-1] * factor]
        else:
            return grid[best], score(grid[best], held_out).mean().item()


def tune_fairly__wrong__nan_wins__min(score, grid, tuning, held_out):
    means = torch.stack([score(rate, tuning).mean() for rate in grid])
    best, factor = grid[means.min(0).indices], grid[1] / grid[0]
    for way in (factor, 1 / factor):
        while score(best * way, tuning).mean() < score(best, tuning).mean():
            best *= way
    return best, score(best, held_out).mean().item()


def tune_fairly__wrong__leaves_out_diverged__nanmean(score, grid, tuning, held_out):
    def without(rate, problems):
        return score(rate, problems).nanmean()

    return tune_fairly__right__a_list_that_grows(without, grid, tuning, held_out)


def tune_fairly__wrong__leaves_out_diverged__finite_ones(score, grid, tuning, held_out):
    def without(rate, problems):
        losses = score(rate, problems)
        return losses[losses.isfinite()]

    return tune_fairly__right__walks_downhill(without, grid, tuning, held_out)


def tune_fairly__wrong__leaves_out_diverged__while_choosing_only(score, grid, tuning, held_out):
    grid, factor = list(grid), grid[1] / grid[0]
    while True:
        best = min(grid, key=lambda rate: score(rate, tuning).nanmean().item())
        if best == grid[0]:
            grid = [best / factor, *grid]
        elif best == grid[-1]:
            grid = [*grid, best * factor]
        else:
            return best, score(best, held_out).mean().item()


def tune_fairly__wrong__swaps_the_pair__loss_first(score, grid, tuning, held_out):
    rate, loss = tune_fairly__right__walks_downhill(score, grid, tuning, held_out)
    return loss, rate


def tune_fairly__wrong__swaps_the_pair__by_name(score, grid, tuning, held_out):
    best, held_out_loss = tune_fairly__right__a_dict(score, grid, tuning, held_out)
    return held_out_loss, best


def tune_fairly__wrong__takes_median__of_the_tuning_problems(score, grid, tuning, held_out):
    def typical(rate, problems):
        return score(rate, problems).median()[None]

    rate, _ = tune_fairly__right__walks_downhill(typical, grid, tuning, held_out)
    return rate, score(rate, held_out).mean().item()


def tune_fairly__wrong__takes_median__everywhere(score, grid, tuning, held_out):
    grid, factor = sorted(grid), grid[1] / grid[0]
    best = None
    while best is None or best in (grid[0], grid[-1]):
        best = min(grid, key=lambda rate: score(rate, tuning).nan_to_num(math.inf).quantile(0.5).item())
        grid = [grid[0] / factor, *grid] if best == grid[0] else [*grid, grid[-1] * factor]
    return best, score(best, held_out).median().item()


def tune_fairly__wrong__always_doubles__both_ways(score, grid, tuning, held_out):
    mean, grid = _mean(score, tuning), list(grid)
    while True:
        best = min(grid, key=mean)
        if best == grid[0]:
            grid.insert(0, best / 2)
        elif best == grid[-1]:
            grid.append(best * 2)
        else:
            return best, score(best, held_out).mean().item()


def tune_fairly__wrong__always_doubles__on_the_way_up(score, grid, tuning, held_out):
    mean = _mean(score, tuning)
    rate = min(grid, key=mean)
    while mean(rate * 2) < mean(rate):
        rate *= 2
    while mean(rate * grid[0] / grid[1]) < mean(rate):
        rate *= grid[0] / grid[1]
    return rate, score(rate, held_out).mean().item()


def tune_fairly__wrong__widens_by_adding__the_step_of_the_grid(score, grid, tuning, held_out):
    mean, grid = _mean(score, tuning), list(grid)
    while True:
        best = min(grid, key=mean)
        if best == grid[0]:
            grid = [best - (grid[1] - grid[0]), *grid]
        elif best == grid[-1]:
            grid = [*grid, best + (grid[-1] - grid[-2])]
        else:
            return best, score(best, held_out).mean().item()


def tune_fairly__wrong__widens_by_adding__down_only(score, grid, tuning, held_out):
    mean, grid, step = _mean(score, tuning), list(grid), grid[1] - grid[0]
    while min(grid, key=mean) == grid[-1]:
        grid.append(grid[-1] * 2)
    for _ in range(100):
        if min(grid, key=mean) == grid[0]:
            grid.insert(0, grid[0] - step)
    best = min(grid, key=mean)
    return best, score(best, held_out).mean().item()


def tune_fairly__wrong__changes_inputs__append(score, grid, tuning, held_out):
    factor, mean = grid[1] / grid[0], _mean(score, tuning)
    grid.append(grid[-1] * factor)
    best = min(grid, key=mean)
    return best, score(best, held_out).mean().item()


def tune_fairly__wrong__wrong_value__nanmean_of_the_held_out(score, grid, tuning, held_out):
    rate, _ = tune_fairly__right__a_list_that_grows(score, grid, tuning, held_out)
    return rate, score(rate, held_out).nanmean().item()


def tune_fairly__wrong__nan_wins__the_first_key(score, grid, tuning, held_out):
    rates, factor = list(grid), grid[1] / grid[0]
    while True:
        losses = {rate: score(rate, tuning).mean().item() for rate in rates}
        best = min(losses, key=losses.get)
        if best == rates[0]:
            rates = [best / factor, *rates]
        elif best == rates[-1]:
            rates = [*rates, best * factor]
        else:
            return best, score(best, held_out).mean().item()


def tune_fairly__wrong__wrong_value__mean_of_logarithms(score, grid, tuning, held_out):
    def logarithm(rate, problems):
        return score(rate, problems).log()

    rate, _ = tune_fairly__right__a_list_that_grows(logarithm, grid, tuning, held_out)
    return rate, score(rate, held_out).mean().item()


def truncate__right__tree_map(params, state):
    return tree_map(lambda t: t.detach(), params), tree_map(lambda t: t.detach(), state)


def truncate__right__both_at_once(params, state):
    return tree_map(torch.Tensor.detach, (params, state))


def truncate__right__flattened(params, state):
    tensors, form = tree_flatten(state)
    with torch.no_grad():
        state = tree_unflatten([t.clone() for t in tensors], form)
    return {name: p.detach().requires_grad_() for name, p in params.items()}, state


def truncate__right__recursion(params, state):
    def cut(tree):
        if isinstance(tree, torch.Tensor):
            return tree.detach()
        if isinstance(tree, dict):
            return {key: cut(part) for key, part in tree.items()}
        parts = [cut(part) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)

    return cut(params), cut(state)


def truncate__wrong__detaches_params_only__state_as_it_is(params, state):
    return {name: p.detach() for name, p in params.items()}, state


def truncate__wrong__detaches_params_only__fresh_leaves(params, state):
    return {name: p.detach().clone().requires_grad_() for name, p in params.items()}, tree_map(torch.clone, state)


def truncate__wrong__detaches_state_only__tree_map(params, state):
    return params, tree_map(torch.detach, state)


def truncate__wrong__detaches_state_only__params_copied(params, state):
    return {name: p.clone() for name, p in params.items()}, tree_map(lambda t: t.data, state)


def truncate__wrong__resets_state__zeros(params, state):
    return {name: p.detach() for name, p in params.items()}, tree_map(torch.zeros_like, state)


def truncate__wrong__resets_state__times_nothing(params, state):
    return tree_map(lambda t: t.detach(), params), tree_map(lambda t: 0 * t.detach(), state)


def truncate__wrong__resets_params__zeros(params, state):
    return tree_map(torch.zeros_like, params), tree_map(torch.detach, state)


def truncate__wrong__resets_params__times_nothing(params, state):
    return {name: 0 * p.detach() for name, p in params.items()}, tree_map(lambda t: t.detach(), state)


def truncate__wrong__copies_only__clone(params, state):
    return tree_map(lambda t: t.clone(), (params, state))


def truncate__wrong__copies_only__new_containers(params, state):
    return dict(params), copy.copy(state)


def _cut_dicts_and_tuples(tree, below):
    """Detach what stands in dicts and tuples, down to a depth of `below`."""
    if isinstance(tree, torch.Tensor):
        return tree.detach()
    if below == 0 or isinstance(tree, list):
        return tree
    if isinstance(tree, dict):
        return {key: _cut_dicts_and_tuples(part, below - 1) for key, part in tree.items()}
    parts = [_cut_dicts_and_tuples(part, below - 1) for part in tree]
    return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)


def truncate__wrong__misses_nested__no_lists(params, state):
    return _cut_dicts_and_tuples(params, 9), _cut_dicts_and_tuples(state, 9)


def truncate__wrong__misses_nested__two_levels(params, state):
    return {name: p.detach() for name, p in params.items()}, _cut_dicts_and_tuples(state, 2)


def truncate__wrong__changes_inputs__detach_in_place(params, state):
    for p in params.values():
        p.detach_()
    return params, tree_map(lambda t: t.detach(), state)


def truncate__wrong__copies_only__deepcopy(params, state):
    return copy.deepcopy(params), copy.deepcopy(state)
