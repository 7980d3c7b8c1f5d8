import math
import statistics

import torch
from torch.func import grad, vmap


def es_gradient__right__loop(loss, phi, sigma, z):
    total = torch.zeros_like(phi)
    for e in sigma * z:
        total = total + (loss(phi + e) - loss(phi - e)) / (2 * sigma**2) * e
    return total / len(z)


def es_gradient__right__vmap(loss, phi, sigma, z):
    e = sigma * z
    return (vmap(loss)(phi + e) - vmap(loss)(phi - e)) @ e / (2 * sigma**2 * len(z))


def es_gradient__right__one_sigma_cancelled(loss, phi, sigma, z):
    slopes = torch.stack([(loss(phi + sigma * row) - loss(phi - sigma * row)) / (2 * sigma) for row in z])
    return (slopes[:, None] * z).mean(0)


def es_gradient__right__a_population_with_its_mirror(loss, phi, sigma, z):
    everyone = torch.cat([z, -z]) * sigma
    losses = torch.stack([loss(phi + e) for e in everyone])
    return torch.einsum("p,pd->d", losses, everyone) / (len(everyone) * sigma**2)


def es_gradient__wrong__divides_by_sigma__two_sigma(loss, phi, sigma, z):
    e = sigma * z
    differences = torch.stack([loss(phi + row) - loss(phi - row) for row in e])
    return (differences[:, None] / (2 * sigma) * e).mean(0)


def es_gradient__wrong__divides_by_sigma__slope_times_perturbation(loss, phi, sigma, z):
    found = []
    for row in z:
        perturbation = row * sigma
        slope = (loss(phi + perturbation) - loss(phi - perturbation)) / sigma / 2
        found.append(slope * perturbation)
    return sum(found) / len(found)


def es_gradient__wrong__multiplies_by_z__both_sigmas_divided(loss, phi, sigma, z):
    e = sigma * z
    differences = torch.stack([loss(phi + row) - loss(phi - row) for row in e])
    return differences @ z / (2 * sigma**2 * len(z))


def es_gradient__wrong__multiplies_by_z__in_the_loop(loss, phi, sigma, z):
    total = torch.zeros_like(phi)
    for row in z:
        weight = 0.5 * (loss(phi + sigma * row) - loss(phi - sigma * row)) / sigma**2
        total += weight * row
    return total / z.shape[0]


def es_gradient__wrong__different_noise__fresh_for_minus(loss, phi, sigma, z):
    total = torch.zeros_like(phi)
    for row in z:
        other = torch.randn_like(row)
        total = total + (loss(phi + sigma * row) - loss(phi - sigma * other)) / (2 * sigma**2) * sigma * row
    return total / len(z)


def es_gradient__wrong__different_noise__rows_in_reverse(loss, phi, sigma, z):
    e = sigma * z
    return (vmap(loss)(phi + e) - vmap(loss)(phi - e.flip(0))) @ e / (2 * sigma**2 * len(z))


def es_gradient__wrong__different_noise__every_other_row(loss, phi, sigma, z):
    pairs = [(z[i], z[(i + 1) % len(z)]) for i in range(len(z))]
    each = [(loss(phi + sigma * a) - loss(phi - sigma * b)) / (2 * sigma**2) * sigma * a for a, b in pairs]
    return torch.stack(each).mean(0)


def es_gradient__wrong__no_baseline__plus_member_alone(loss, phi, sigma, z):
    e = sigma * z
    losses = torch.stack([loss(phi + row) for row in e])
    return (losses[:, None] * e).mean(0) / sigma**2


def es_gradient__wrong__no_baseline__losses_added(loss, phi, sigma, z):
    e = sigma * z
    return (vmap(loss)(phi + e) + vmap(loss)(phi - e)) @ e / (2 * sigma**2 * len(z))


def es_gradient__wrong__no_baseline__reinforce(loss, phi, sigma, z):
    total = torch.zeros_like(phi)
    for row in z:
        total = total + loss(phi + sigma * row) * row / sigma / len(z)
    return total


def es_gradient__wrong__one_sided__difference_from_phi(loss, phi, sigma, z):
    here = loss(phi)
    return torch.stack([(loss(phi + e) - here) / sigma**2 * e for e in sigma * z]).mean(0)


def es_gradient__wrong__one_sided__backwards(loss, phi, sigma, z):
    e = sigma * z
    return (loss(phi) - vmap(loss)(phi - e)) @ e / (sigma**2 * len(z))


def es_gradient__wrong__forgets_the_half__sigma_squared(loss, phi, sigma, z):
    return torch.stack([(loss(phi + e) - loss(phi - e)) / sigma**2 * e for e in sigma * z]).mean(0)


def es_gradient__wrong__forgets_the_half__one_sigma(loss, phi, sigma, z):
    e = sigma * z
    slopes = (vmap(loss)(phi + e) - vmap(loss)(phi - e)) / sigma
    return (slopes.unsqueeze(1) * z).mean(dim=0)


def es_gradient__wrong__sums_pairs__no_division(loss, phi, sigma, z):
    total = torch.zeros_like(phi)
    for e in sigma * z:
        total = total + (loss(phi + e) - loss(phi - e)) / (2 * sigma**2) * e
    return total


def es_gradient__wrong__sums_pairs__matrix_product(loss, phi, sigma, z):
    e = sigma * z
    return e.T @ (vmap(loss)(phi + e) - vmap(loss)(phi - e)) / (2 * sigma**2)


def es_gradient__wrong__wrong_sign__minus_first(loss, phi, sigma, z):
    return torch.stack([(loss(phi - e) - loss(phi + e)) / (2 * sigma**2) * e for e in sigma * z]).mean(0)


def es_gradient__wrong__wrong_sign__a_direction_to_go(loss, phi, sigma, z):
    return -es_gradient__right__vmap(loss, phi, sigma, z)


def es_gradient__wrong__ignores_z__coordinates(loss, phi, sigma, z):
    steps = sigma * torch.eye(len(phi), dtype=phi.dtype)
    return torch.stack([(loss(phi + e) - loss(phi - e)) / (2 * sigma) for e in steps])


def es_gradient__wrong__ignores_z__own_draws(loss, phi, sigma, z):
    return es_gradient__right__loop(loss, phi, sigma, torch.randn_like(z))


def es_gradient__wrong__all_pairs_at_once__as_in_the_lesson(loss, phi, sigma, z):
    d = sigma * z
    difference = loss(phi + d) - loss(phi - d)
    return (difference / (2 * sigma**2) * d).mean()


def es_gradient__wrong__all_pairs_at_once__differences_as_a_column(loss, phi, sigma, z):
    difference = loss((phi + sigma * z).T) - loss((phi - sigma * z).T)
    return (difference[:, None] / (2 * sigma) * z).mean(0)


def es_gradient__wrong__divides_by_z__difference_quotient(loss, phi, sigma, z):
    return torch.stack([(loss(phi + e) - loss(phi - e)) / (2 * e) for e in sigma * z]).mean(0)


def es_gradient__wrong__divides_by_z__in_two_steps(loss, phi, sigma, z):
    total = torch.zeros_like(phi)
    for row in z:
        slope = (loss(phi + sigma * row) - loss(phi - sigma * row)) / (2 * sigma)
        total = total + slope / row
    return total / len(z)


def es_gradient__wrong__divides_by_length__squared_norm(loss, phi, sigma, z):
    return torch.stack([(loss(phi + e) - loss(phi - e)) / (2 * e.square().sum()) * e for e in sigma * z]).mean(0)


def es_gradient__wrong__divides_by_length__slope_along_the_direction(loss, phi, sigma, z):
    rows = []
    for e in sigma * z:
        direction = e / e.norm()
        rows.append((loss(phi + e) - loss(phi - e)) / (2 * e.norm()) * direction)
    return sum(rows) / len(rows)


def es_gradient__wrong__backpropagates__grad(loss, phi, sigma, z):
    return grad(loss)(phi)


def es_gradient__wrong__backpropagates__at_the_perturbed_points(loss, phi, sigma, z):
    e = sigma * z
    points = torch.cat([phi + e, phi - e]).requires_grad_()
    sum(loss(point) for point in points).backward()
    return points.grad.mean(0)


def es_gradient__wrong__wrong_value__divided_by_coordinates_too(loss, phi, sigma, z):
    return es_gradient__right__loop(loss, phi, sigma, z) / phi.numel()


def pes_step__right__line_by_line(segment, phi, states, total, sigma, z):
    plus, minus = states
    noise = sigma * z
    total = total + noise
    loss_plus, plus, over = segment(phi + noise, plus)
    loss_minus, minus, over = segment(phi - noise, minus)
    gradient = (loss_plus - loss_minus) / (2 * sigma**2) * total
    return gradient, (plus, minus), torch.zeros_like(total) if over else total


def pes_step__right__members_in_a_loop(segment, phi, states, total, sigma, z):
    ends, difference = [], 0
    for sign, state in zip((1, -1), states, strict=True):
        loss, state, over = segment(phi + sign * sigma * z, state)
        difference = difference + sign * loss
        ends.append(state)
    so_far = total.add(z, alpha=sigma)
    handed_on = so_far * (not over)
    return so_far * difference / (2 * sigma * sigma), tuple(ends), handed_on


def pes_step__right__two_parts_of_the_gradient(segment, phi, states, total, sigma, z):
    up, new_plus, over = segment(phi + sigma * z, states[0])
    down, new_minus, _ = segment(phi - sigma * z, states[1])
    slope = (up - down) / (2 * sigma)
    gradient = slope * z + slope / sigma * total
    if over:
        return gradient, (new_plus, new_minus), total * 0
    return gradient, (new_plus, new_minus), total + sigma * z


def pes_step__wrong__current_noise_only__truncated_es(segment, phi, states, total, sigma, z):
    plus, minus = states
    noise = sigma * z
    loss_plus, plus, over = segment(phi + noise, plus)
    loss_minus, minus, over = segment(phi - noise, minus)
    gradient = (loss_plus - loss_minus) / (2 * sigma**2) * noise
    total = total + noise
    return gradient, (plus, minus), torch.zeros_like(total) if over else total


def pes_step__wrong__current_noise_only__sum_not_handed_on(segment, phi, states, total, sigma, z):
    gradient, states, _ = pes_step__right__line_by_line(segment, phi, states, total, sigma, z)
    return gradient, states, sigma * z


def pes_step__wrong__current_noise_only__reset_every_time(segment, phi, states, total, sigma, z):
    gradient, states, _ = pes_step__right__members_in_a_loop(segment, phi, states, total, sigma, z)
    return gradient, states, torch.zeros_like(total)


def pes_step__wrong__never_reset__over_unused(segment, phi, states, total, sigma, z):
    plus, minus = states
    noise = sigma * z
    total = total + noise
    loss_plus, plus, _ = segment(phi + noise, plus)
    loss_minus, minus, _ = segment(phi - noise, minus)
    return (loss_plus - loss_minus) / (2 * sigma**2) * total, (plus, minus), total


def pes_step__wrong__never_reset__the_last_noise_stays(segment, phi, states, total, sigma, z):
    noise = sigma * z
    (loss_plus, plus, over), (loss_minus, minus, _) = segment(phi + noise, states[0]), segment(phi - noise, states[1])
    gradient = (loss_plus - loss_minus) / (2 * sigma**2) * (total + noise)
    if over:
        total = torch.zeros_like(total)
    return gradient, (plus, minus), total + noise


def pes_step__wrong__shares_state__both_from_plus(segment, phi, states, total, sigma, z):
    state, _ = states
    noise = sigma * z
    total = total + noise
    loss_plus, plus, over = segment(phi + noise, state)
    loss_minus, minus, over = segment(phi - noise, state)
    gradient = (loss_plus - loss_minus) / (2 * sigma**2) * total
    return gradient, (plus, minus), torch.zeros_like(total) if over else total


def pes_step__wrong__shares_state__one_after_the_other(segment, phi, states, total, sigma, z):
    state = states[0]
    losses = []
    for sign in (1, -1):
        loss, state, over = segment(phi + sign * sigma * z, state)
        losses.append(loss)
    total = total + sigma * z
    gradient = (losses[0] - losses[1]) / (2 * sigma**2) * total
    return gradient, (state, state), torch.zeros_like(total) if over else total


def pes_step__wrong__shares_state__one_handed_on(segment, phi, states, total, sigma, z):
    gradient, (plus, _), total = pes_step__right__line_by_line(segment, phi, states, total, sigma, z)
    return gradient, (plus, plus), total


def pes_step__wrong__perturbs_by_the_sum__total_first(segment, phi, states, total, sigma, z):
    total = total + sigma * z
    loss_plus, plus, over = segment(phi + total, states[0])
    loss_minus, minus, over = segment(phi - total, states[1])
    gradient = (loss_plus - loss_minus) / (2 * sigma**2) * total
    return gradient, (plus, minus), torch.zeros_like(total) if over else total


def pes_step__wrong__perturbs_by_the_sum__noise_overwritten(segment, phi, states, total, sigma, z):
    noise = sigma * z
    noise = total + noise
    ends = [segment(phi + sign * noise, state) for sign, state in zip((1.0, -1.0), states, strict=True)]
    (up, plus, over), (down, minus, _) = ends
    return (up - down) * noise / (2 * sigma**2), (plus, minus), noise * (1 - over)


def pes_step__wrong__adds_too_late__after_the_gradient(segment, phi, states, total, sigma, z):
    plus, minus = states
    noise = sigma * z
    loss_plus, plus, over = segment(phi + noise, plus)
    loss_minus, minus, over = segment(phi - noise, minus)
    gradient = (loss_plus - loss_minus) / (2 * sigma**2) * total
    total = total + noise
    return gradient, (plus, minus), torch.zeros_like(total) if over else total


def pes_step__wrong__adds_too_late__never_kept(segment, phi, states, total, sigma, z):
    noise = sigma * z
    loss_plus, plus, over = segment(phi + noise, states[0])
    loss_minus, minus, over = segment(phi - noise, states[1])
    gradient = (loss_plus - loss_minus) / (2 * sigma**2) * (total + noise)
    return gradient, (plus, minus), torch.zeros_like(total) if over else total


def pes_step__wrong__resets_too_early__before_the_gradient(segment, phi, states, total, sigma, z):
    plus, minus = states
    noise = sigma * z
    total = total + noise
    loss_plus, plus, over = segment(phi + noise, plus)
    loss_minus, minus, over = segment(phi - noise, minus)
    if over:
        total = torch.zeros_like(total)
    return (loss_plus - loss_minus) / (2 * sigma**2) * total, (plus, minus), total


def pes_step__wrong__resets_too_early__before_the_sum(segment, phi, states, total, sigma, z):
    noise = sigma * z
    loss_plus, plus, over = segment(phi + noise, states[0])
    loss_minus, minus, over = segment(phi - noise, states[1])
    total = noise if over else total + noise
    gradient = (loss_plus - loss_minus) / (2 * sigma**2) * total
    return gradient, (plus, minus), torch.zeros_like(total) if over else total


def pes_step__wrong__divides_by_sigma__two_sigma(segment, phi, states, total, sigma, z):
    plus, minus = states
    noise = sigma * z
    total = total + noise
    loss_plus, plus, over = segment(phi + noise, plus)
    loss_minus, minus, over = segment(phi - noise, minus)
    gradient = (loss_plus - loss_minus) / (2 * sigma) * total
    return gradient, (plus, minus), torch.zeros_like(total) if over else total


def pes_step__wrong__divides_by_sigma__scaled_afterwards(segment, phi, states, total, sigma, z):
    gradient, states, total = pes_step__right__members_in_a_loop(segment, phi, states, total, sigma, z)
    return sigma * gradient, states, total


def pes_step__wrong__minus_minus_plus__swapped(segment, phi, states, total, sigma, z):
    noise = sigma * z
    total = total + noise
    plus, up, over = segment(phi + noise, states[0])
    minus, down, _ = segment(phi - noise, states[1])
    gradient = (minus - plus) / (2 * sigma**2) * total
    return gradient, (up, down), torch.zeros_like(total) if over else total


def pes_step__wrong__minus_minus_plus__downhill(segment, phi, states, total, sigma, z):
    gradient, states, total = pes_step__right__line_by_line(segment, phi, states, total, sigma, z)
    return -gradient, states, total


def pes_step__wrong__hands_on_old_states__as_they_came(segment, phi, states, total, sigma, z):
    gradient, _, total = pes_step__right__line_by_line(segment, phi, states, total, sigma, z)
    return gradient, states, total


def pes_step__wrong__hands_on_old_states__only_losses_kept(segment, phi, states, total, sigma, z):
    noise, total = sigma * z, total + sigma * z
    (plus, _, over), (minus, _, _) = segment(phi + noise, states[0]), segment(phi - noise, states[1])
    gradient = total * (plus - minus) / (2 * sigma**2)
    return gradient, (states[0], states[1]), total * (not over)


def bias__right__mean_and_standard_error(estimates, exact):
    errors = estimates - exact
    return errors.mean(), 1.96 * errors.std() / len(errors) ** 0.5


def bias__right__spread_of_the_estimates(estimates, exact):
    variance = ((estimates - estimates.mean()) ** 2).sum() / (estimates.numel() - 1)
    return estimates.mean() - exact, 1.96 * (variance / estimates.numel()).sqrt()


def bias__right__python_numbers(estimates, exact):
    numbers = [float(number) - float(exact) for number in estimates]
    half = 1.96 * statistics.pstdev(numbers) / math.sqrt(len(numbers))
    return estimates.new_tensor(statistics.fmean(numbers)), estimates.new_tensor(half)


def bias__wrong__absolute_errors__abs(estimates, exact):
    errors = (estimates - exact).abs()
    return errors.mean(), 1.96 * errors.std() / len(errors) ** 0.5


def bias__wrong__absolute_errors__root_mean_square(estimates, exact):
    errors = estimates - exact
    return errors.square().mean().sqrt(), 1.96 * errors.std() / len(errors) ** 0.5


def bias__wrong__absolute_errors__distance(estimates, exact):
    far = torch.maximum(estimates, exact) - torch.minimum(estimates, exact)
    return far.mean(), 1.96 * estimates.std() / estimates.numel() ** 0.5


def bias__wrong__no_sqrt_n__std(estimates, exact):
    errors = estimates - exact
    return errors.mean(), 1.96 * errors.std()


def bias__wrong__no_sqrt_n__quantiles(estimates, exact):
    low, high = torch.quantile(estimates, estimates.new_tensor([0.025, 0.975]))
    return (estimates - exact).mean(), (high - low) / 2


def bias__wrong__divides_by_n__len(estimates, exact):
    return estimates.mean() - exact, 1.96 * estimates.std() / len(estimates)


def bias__wrong__divides_by_n__root_forgotten(estimates, exact):
    errors = estimates - exact
    spread = (errors - errors.mean()).square().sum().sqrt() / (len(errors) - 1) ** 0.5
    return errors.mean(), 1.96 * spread / len(errors)


def bias__wrong__one_standard_error__no_factor(estimates, exact):
    errors = estimates - exact
    return errors.mean(), errors.std() / len(errors) ** 0.5


def bias__wrong__one_standard_error__of_the_variance(estimates, exact):
    return (estimates - exact).mean(), (estimates.var() / estimates.numel()).sqrt()


def bias__wrong__spread_around_exact__root_mean_square(estimates, exact):
    errors = estimates - exact
    return errors.mean(), 1.96 * errors.square().mean().sqrt() / len(errors) ** 0.5


def bias__wrong__spread_around_exact__of_absolute_errors(estimates, exact):
    errors = estimates - exact
    return errors.mean(), 1.96 * errors.abs().std() / math.sqrt(len(errors))


def bias__wrong__exact_minus_estimates__swapped(estimates, exact):
    errors = exact - estimates
    return errors.mean(), 1.96 * errors.std() / len(errors) ** 0.5


def bias__wrong__exact_minus_estimates__of_the_mean(estimates, exact):
    return exact - estimates.mean(), 1.96 * estimates.std() / len(estimates) ** 0.5


def bias__wrong__forgets_exact__mean_of_the_estimates(estimates, exact):
    return estimates.mean(), 1.96 * estimates.std() / len(estimates) ** 0.5


def bias__wrong__forgets_exact__used_for_the_spread_only(estimates, exact):
    errors = estimates - exact
    return estimates.sum() / len(estimates), 1.96 * errors.std() / math.sqrt(len(errors))


def bias__wrong__swaps_the_pair__half_first(estimates, exact):
    errors = estimates - exact
    return 1.96 * errors.std() / len(errors) ** 0.5, errors.mean()


def bias__wrong__swaps_the_pair__returned_by_name(estimates, exact):
    n = estimates.numel()
    half_width = 1.96 * (estimates.var(unbiased=False) / n).sqrt()
    off = estimates.mean() - exact
    return half_width, off


def error_at_equal_cost__right__number_of_estimates(bias, variance, cost, budget):
    n = budget / cost
    return bias**2 + variance / n


def error_at_equal_cost__right__one_product(bias, variance, cost, budget):
    return bias * bias + variance * cost / budget


def error_at_equal_cost__right__standard_error_squared(bias, variance, cost, budget):
    standard_error = (variance * cost / budget) ** 0.5
    return standard_error**2 + abs(bias) ** 2


def error_at_equal_cost__wrong__adds_bias__as_it_is(bias, variance, cost, budget):
    return bias + variance * cost / budget


def error_at_equal_cost__wrong__adds_bias__its_size(bias, variance, cost, budget):
    n = budget / cost
    return abs(bias) + variance / n


def error_at_equal_cost__wrong__bias_averages_out__all_divided(bias, variance, cost, budget):
    n = budget / cost
    return (bias**2 + variance) / n


def error_at_equal_cost__wrong__bias_averages_out__before_the_square(bias, variance, cost, budget):
    n = budget / cost
    return (bias / n) ** 2 + variance / n


def error_at_equal_cost__wrong__forgets_cost__budget_counts(bias, variance, cost, budget):
    return bias**2 + variance / budget


def error_at_equal_cost__wrong__forgets_cost__a_single_estimate(bias, variance, cost, budget):
    return bias**2 + variance


def error_at_equal_cost__wrong__cost_upside_down__times(bias, variance, cost, budget):
    n = budget * cost
    return bias**2 + variance / n


def error_at_equal_cost__wrong__cost_upside_down__swapped(bias, variance, cost, budget):
    n = cost / budget
    return bias**2 + variance / n


def error_at_equal_cost__wrong__takes_the_root__of_all(bias, variance, cost, budget):
    n = budget / cost
    return (bias**2 + variance / n) ** 0.5


def error_at_equal_cost__wrong__takes_the_root__part_by_part(bias, variance, cost, budget):
    return abs(bias) + math.sqrt(variance / (budget / cost))


def error_at_equal_cost__wrong__rounds_n__floor_division(bias, variance, cost, budget):
    return bias**2 + variance / (budget // cost)


def error_at_equal_cost__wrong__rounds_n__rounded_up(bias, variance, cost, budget):
    n = torch.as_tensor(budget / cost).ceil()
    result = bias**2 + variance / n
    return result if isinstance(budget, torch.Tensor) else result.item()


def error_at_equal_cost__wrong__wrong_value__one_estimate_at_least(bias, variance, cost, budget):
    n = torch.as_tensor(budget / cost).clamp(min=1.0)
    error = bias**2 + variance / n
    return error if isinstance(budget, torch.Tensor) else error.item()
