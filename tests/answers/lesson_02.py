import math

import numpy as np
import torch
from torch.func import grad, vmap

from metalearn_course import Examples, Sinusoids, Task


def _uniform(low, high, shape, generator):
    return low + (high - low) * torch.rand(shape, generator=generator)


def _no_classes(tasks):
    return torch.empty(tasks, 0, dtype=torch.int64)


def sample_sinusoids__right__broadcast(tasks, shots, queries, generator):
    amplitude = 0.1 + 4.9 * torch.rand(tasks, 1, 1, generator=generator)
    phase = math.pi * torch.rand(tasks, 1, 1, generator=generator)
    support_x = 10 * torch.rand(tasks, shots, 1, generator=generator) - 5
    query_x = 10 * torch.rand(tasks, queries, 1, generator=generator) - 5
    support = Examples(support_x, amplitude * torch.sin(support_x + phase))
    query = Examples(query_x, amplitude * torch.sin(query_x + phase))
    return Task(support, query, _no_classes(tasks))


def sample_sinusoids__right__a_loop_over_tasks(tasks, shots, queries, generator):
    x, y = [], []
    for _ in range(tasks):
        a = torch.empty(()).uniform_(0.1, 5, generator=generator)
        p = torch.empty(()).uniform_(0, math.pi, generator=generator)
        x.append(torch.empty(shots + queries, 1).uniform_(-5, 5, generator=generator))
        y.append(a * torch.sin(x[-1] + p))
    x, y = torch.stack(x), torch.stack(y)
    return Task(Examples(x[:, :shots], y[:, :shots]), Examples(x[:, shots:], y[:, shots:]), _no_classes(tasks))


def sample_sinusoids__right__split(tasks, shots, queries, generator):
    x = _uniform(-5, 5, (tasks, shots + queries, 1), generator)
    a, p = _uniform(0.1, 5, (tasks,), generator), _uniform(0, math.pi, (tasks,), generator)
    y = a[:, None, None] * torch.sin(x + p.view(tasks, 1, 1))
    xs, ys = x.split([shots, queries], dim=1), y.split([shots, queries], dim=1)
    return Task(Examples(xs[0], ys[0]), Examples(xs[1], ys[1]), _no_classes(tasks))


def sample_sinusoids__right__the_library(tasks, shots, queries, generator):
    return Sinusoids(shots, queries).sample(tasks, generator)


def sample_sinusoids__wrong__new_wave_per_point__shape_of_x(tasks, shots, queries, generator):
    def examples(n):
        x = _uniform(-5, 5, (tasks, n, 1), generator)
        a, p = _uniform(0.1, 5, x.shape, generator), _uniform(0, math.pi, x.shape, generator)
        return Examples(x, a * torch.sin(x + p))

    return Task(examples(shots), examples(queries), _no_classes(tasks))


def sample_sinusoids__wrong__new_wave_per_point__inner_loop(tasks, shots, queries, generator):
    x = _uniform(-5, 5, (tasks, shots + queries, 1), generator)
    y = torch.empty_like(x)
    for task in range(tasks):
        for point in range(shots + queries):
            a, p = 0.1 + 4.9 * torch.rand(1, generator=generator), math.pi * torch.rand(1, generator=generator)
            y[task, point] = a * torch.sin(x[task, point] + p)
    return Task(Examples(x[:, :shots], y[:, :shots]), Examples(x[:, shots:], y[:, shots:]), _no_classes(tasks))


def sample_sinusoids__wrong__one_wave_for_all__scalars(tasks, shots, queries, generator):
    a, p = _uniform(0.1, 5, (1,), generator), _uniform(0, math.pi, (1,), generator)
    support_x = _uniform(-5, 5, (tasks, shots, 1), generator)
    query_x = _uniform(-5, 5, (tasks, queries, 1), generator)
    support, query = (Examples(x, a * torch.sin(x + p)) for x in (support_x, query_x))
    return Task(support, query, _no_classes(tasks))


def sample_sinusoids__wrong__one_wave_for_all__drawn_before_the_loop(tasks, shots, queries, generator):
    amplitude = torch.empty(1).uniform_(0.1, 5, generator=generator).item()
    phase = torch.empty(1).uniform_(0, math.pi, generator=generator).item()
    xs, ys = [], []
    for _ in range(tasks):
        x = _uniform(-5, 5, (shots + queries, 1), generator)
        xs.append(x)
        ys.append(amplitude * torch.sin(x + phase))
    x, y = torch.stack(xs), torch.stack(ys)
    return Task(Examples(x[:, :shots], y[:, :shots]), Examples(x[:, shots:], y[:, shots:]), _no_classes(tasks))


def sample_sinusoids__wrong__query_repeats_support__same_slice(tasks, shots, queries, generator):
    x = _uniform(-5, 5, (tasks, max(shots, queries), 1), generator)
    y = _uniform(0.1, 5, (tasks, 1, 1), generator) * torch.sin(x + _uniform(0, math.pi, (tasks, 1, 1), generator))
    return Task(Examples(x[:, :shots], y[:, :shots]), Examples(x[:, :queries], y[:, :queries]), _no_classes(tasks))


def sample_sinusoids__wrong__query_repeats_support__picked_from_the_support(tasks, shots, queries, generator):
    x = _uniform(-5, 5, (tasks, shots, 1), generator)
    y = _uniform(0.1, 5, (tasks, 1, 1), generator) * torch.sin(x + _uniform(0, math.pi, (tasks, 1, 1), generator))
    chosen = torch.randint(shots, (queries,), generator=generator)
    return Task(Examples(x, y), Examples(x[:, chosen], y[:, chosen]), _no_classes(tasks))


def sample_sinusoids__wrong__query_on_another_wave__helper_draws_all(tasks, shots, queries, generator):
    def examples(n):
        a, p = _uniform(0.1, 5, (tasks, 1, 1), generator), _uniform(0, math.pi, (tasks, 1, 1), generator)
        x = _uniform(-5, 5, (tasks, n, 1), generator)
        return Examples(x, a * torch.sin(x + p))

    return Task(examples(shots), examples(queries), _no_classes(tasks))


def sample_sinusoids__wrong__query_on_another_wave__phase_drawn_inline(tasks, shots, queries, generator):
    a = _uniform(0.1, 5, (tasks, 1, 1), generator)
    support_x = _uniform(-5, 5, (tasks, shots, 1), generator)
    support_y = a * torch.sin(support_x + math.pi * torch.rand(tasks, 1, 1, generator=generator))
    query_x = _uniform(-5, 5, (tasks, queries, 1), generator)
    query_y = a * torch.sin(query_x + math.pi * torch.rand(tasks, 1, 1, generator=generator))
    return Task(Examples(support_x, support_y), Examples(query_x, query_y), _no_classes(tasks))


def sample_sinusoids__wrong__wrong_range__full_circle(tasks, shots, queries, generator):
    return Sinusoids(shots, queries, phases=(0.0, 2 * math.pi)).sample(tasks, generator)


def sample_sinusoids__wrong__wrong_range__positive_inputs(tasks, shots, queries, generator):
    a, p = _uniform(0.1, 5, (tasks, 1, 1), generator), _uniform(0, math.pi, (tasks, 1, 1), generator)
    x = 5 * torch.rand(tasks, shots + queries, 1, generator=generator)
    y = a * torch.sin(x + p)
    return Task(Examples(x[:, :shots], y[:, :shots]), Examples(x[:, shots:], y[:, shots:]), _no_classes(tasks))


def sample_sinusoids__wrong__ignores_generator__global_state(tasks, shots, queries, generator):
    a, p = 0.1 + 4.9 * torch.rand(tasks, 1, 1), math.pi * torch.rand(tasks, 1, 1)
    support_x, query_x = 10 * torch.rand(tasks, shots, 1) - 5, 10 * torch.rand(tasks, queries, 1) - 5
    support, query = (Examples(x, a * torch.sin(x + p)) for x in (support_x, query_x))
    return Task(support, query, _no_classes(tasks))


def sample_sinusoids__wrong__ignores_generator__seeded_inside(tasks, shots, queries, generator):
    generator = torch.Generator().manual_seed(0)
    return sample_sinusoids__right__split(tasks, shots, queries, generator)


def sample_sinusoids__wrong__wrong_value__queries_on_a_grid(tasks, shots, queries, generator):
    amplitude = _uniform(0.1, 5.0, (tasks, 1, 1), generator)
    phase = _uniform(0.0, math.pi, (tasks, 1, 1), generator)
    support_x = _uniform(-5.0, 5.0, (tasks, shots, 1), generator)
    query_x = torch.linspace(-5, 5, queries)[None, :, None].expand(tasks, queries, 1)
    support = Examples(support_x, amplitude * torch.sin(support_x + phase))
    query = Examples(query_x, amplitude * torch.sin(query_x + phase))
    return Task(support, query, _no_classes(tasks))


def sample_sinusoids__wrong__wrong_value__one_number_for_amplitude_and_phase(tasks, shots, queries, generator):
    u = torch.rand(tasks, 1, 1, generator=generator)
    x = _uniform(-5.0, 5.0, (tasks, shots + queries, 1), generator)
    y = (0.1 + 4.9 * u) * torch.sin(x + math.pi * u)
    return Task(Examples(x[:, :shots], y[:, :shots]), Examples(x[:, shots:], y[:, shots:]), _no_classes(tasks))


def sample_sinusoids__wrong__ignores_generator__its_seed_only(tasks, shots, queries, generator):
    rng = np.random.default_rng(generator.initial_seed())

    def uniform(low, high, *shape):
        return torch.tensor(rng.uniform(low, high, shape), dtype=torch.float32)

    amplitude, phase = uniform(0.1, 5.0, tasks, 1, 1), uniform(0.0, math.pi, tasks, 1, 1)
    x = uniform(-5.0, 5.0, tasks, shots + queries, 1)
    y = amplitude * torch.sin(x + phase)
    return Task(Examples(x[:, :shots], y[:, :shots]), Examples(x[:, shots:], y[:, shots:]), _no_classes(tasks))


def sample_sinusoids__wrong__wrong_value__noise_on_y(tasks, shots, queries, generator):
    support, query, classes = sample_sinusoids__right__broadcast(tasks, shots, queries, generator)
    noise = [0.1 * torch.randn(part.y.shape, generator=generator) for part in (support, query)]
    return Task(Examples(support.x, support.y + noise[0]), Examples(query.x, query.y + noise[1]), classes)


def sample_sinusoids__wrong__wrong_range__phases_around_the_circle(tasks, shots, queries, generator):
    amplitude = _uniform(0.1, 5.0, (tasks, 1, 1), generator)
    phase = _uniform(0.0, 2 * math.pi, (tasks, 1, 1), generator)
    x = _uniform(-5.0, 5.0, (tasks, shots + queries, 1), generator)
    y = amplitude * torch.sin(x + phase)
    return Task(Examples(x[:, :shots], y[:, :shots]), Examples(x[:, shots:], y[:, shots:]), _no_classes(tasks))


def expected_risk__right__stack_of_means(losses):
    return torch.stack([task.mean() for task in losses]).mean()


def expected_risk__right__running_sum(losses):
    total = torch.zeros(())
    for task in losses:
        total = total + task.sum() / len(task)
    return total / len(losses)


def expected_risk__wrong__pools_points__cat(losses):
    return torch.cat(losses).mean()


def expected_risk__wrong__pools_points__weighted(losses):
    points = sum(len(task) for task in losses)
    return sum(task.mean() * len(task) for task in losses) / points


def expected_risk__wrong__sums_tasks__sum(losses):
    return sum(task.mean() for task in losses)


def expected_risk__wrong__sums_tasks__loop(losses):
    risk = torch.tensor(0.0)
    for task in losses:
        risk = risk + task.mean()
    return risk


def best_single_prediction__right__closed_form(x):
    return (0.1 + 5) / 2 * (2 / math.pi) * torch.cos(x)


def best_single_prediction__right__grid(x):
    phases = torch.linspace(0, math.pi, 1001)
    amplitudes = torch.linspace(0.1, 5, 101)
    waves = amplitudes[:, None] * torch.sin(x[..., None, None] + phases)
    return waves.mean((-2, -1))


def best_single_prediction__right__average_of_sampled_waves(x):
    amplitude = 0.1 + 4.9 * torch.rand(50_000, 1, 1)
    phase = math.pi * torch.rand(50_000, 1, 1)
    return (amplitude * torch.sin(x + phase)).mean(0)


def best_single_prediction__wrong__assumes_full_circle__zeros(x):
    return torch.zeros_like(x)


def best_single_prediction__wrong__assumes_full_circle__average_over_two_pi(x):
    phases = torch.arange(0, 2 * math.pi, 0.01)
    return 2.55 * torch.stack([torch.sin(x + p) for p in phases]).mean(0)


def best_single_prediction__wrong__averages_parameters__mid_wave(x):
    amplitude, phase = (0.1 + 5) / 2, math.pi / 2
    return amplitude * torch.sin(x + phase)


def best_single_prediction__wrong__averages_parameters__sampled(x):
    amplitudes, phases = 0.1 + 4.9 * torch.rand(100_000), math.pi * torch.rand(100_000)
    return amplitudes.mean() * torch.sin(x + phases.mean())


def best_single_prediction__wrong__forgets_amplitude__formula(x):
    return 2 * torch.cos(x) / math.pi


def best_single_prediction__wrong__forgets_amplitude__grid(x):
    return torch.stack([torch.sin(x + p) for p in torch.linspace(0, math.pi, 500)]).mean(0)


def best_single_prediction__wrong__wrong_value__too_few_waves(x):
    rng = torch.Generator().manual_seed(1)
    amplitude, phase = (torch.rand(60, 1, 1, generator=rng) for _ in range(2))
    return ((0.1 + 4.9 * amplitude) * torch.sin(x + math.pi * phase)).mean(0)


def _forward(params, x):
    return torch.relu(x @ params["w1"] + params["b1"]) @ params["w2"] + params["b2"]


def _squared_error(params, examples):
    return (_forward(params, examples.x) - examples.y).square().mean()


def _support(tasks, i):
    return Examples(tasks.support.x[i], tasks.support.y[i])


def _stacked(all_params):
    return {name: torch.stack([params[name] for params in all_params]) for name in all_params[0]}


def fine_tune_all__right__vmap(start, tasks, steps, lr):
    def fine_tune(support):
        params = start
        for _ in range(steps):
            grads = grad(_squared_error)(params, support)
            params = {name: p - lr * grads[name] for name, p in params.items()}
        return params

    return vmap(fine_tune)(tasks.support)


def fine_tune_all__right__loop_and_autograd(start, tasks, steps, lr):
    results = []
    for i in range(len(tasks.support.x)):
        params = {name: p.detach().clone().requires_grad_() for name, p in start.items()}
        for _ in range(steps):
            loss = _squared_error(params, _support(tasks, i))
            grads = torch.autograd.grad(loss, list(params.values()))
            with torch.no_grad():
                for p, g in zip(params.values(), grads, strict=True):
                    p -= lr * g
        results.append({name: p.detach() for name, p in params.items()})
    return _stacked(results)


def fine_tune_all__right__vmap_of_one_step(start, tasks, steps, lr):
    params = {name: p.expand(len(tasks.support.x), *p.shape).clone() for name, p in start.items()}
    gradients = vmap(grad(_squared_error))
    for _ in range(steps):
        grads = gradients(params, tasks.support)
        params = {name: p - lr * grads[name] for name, p in params.items()}
    return params


def fine_tune_all__wrong__tasks_chained__no_reset(start, tasks, steps, lr):
    params, results = start, []
    for i in range(len(tasks.support.x)):
        for _ in range(steps):
            grads = grad(_squared_error)(params, _support(tasks, i))
            params = {name: p - lr * grads[name] for name, p in params.items()}
        results.append(params)
    return _stacked(results)


def fine_tune_all__wrong__tasks_chained__start_overwritten(start, tasks, steps, lr):
    results = []
    for i in range(len(tasks.support.x)):
        params = start
        for _ in range(steps):
            grads = grad(_squared_error)(params, _support(tasks, i))
            for name in params:
                params[name] = params[name] - lr * grads[name]
        results.append(dict(params))
    return _stacked(results)


def fine_tune_all__wrong__tasks_chained__in_place(start, tasks, steps, lr):
    results = []
    for i in range(len(tasks.support.x)):
        params = dict(start)
        for _ in range(steps):
            grads = grad(_squared_error)(params, _support(tasks, i))
            for name in params:
                params[name] -= lr * grads[name]
        results.append({name: p.clone() for name, p in params.items()})
    return _stacked(results)


def fine_tune_all__wrong__gradients_averaged__mean_loss(start, tasks, steps, lr):
    def mean_loss(params):
        return vmap(_squared_error, in_dims=(None, 0))(params, tasks.support).mean()

    params = start
    for _ in range(steps):
        grads = grad(mean_loss)(params)
        params = {name: p - lr * grads[name] for name, p in params.items()}
    return {name: p.expand(len(tasks.support.x), *p.shape) for name, p in params.items()}


def fine_tune_all__wrong__gradients_averaged__mean_of_gradients(start, tasks, steps, lr):
    count = len(tasks.support.x)
    params = [dict(start) for _ in range(count)]
    for _ in range(steps):
        grads = [grad(_squared_error)(params[i], _support(tasks, i)) for i in range(count)]
        mean = {name: sum(g[name] for g in grads) / count for name in start}
        params = [{name: p - lr * mean[name] for name, p in one.items()} for one in params]
    return _stacked(params)


def fine_tune_all__wrong__gradient_at_start__one_gradient(start, tasks, steps, lr):
    def fine_tune(support):
        grads = grad(_squared_error)(start, support)
        return {name: p - steps * lr * grads[name] for name, p in start.items()}

    return vmap(fine_tune)(tasks.support)


def fine_tune_all__wrong__gradient_at_start__wrong_argument(start, tasks, steps, lr):
    results = []
    for i in range(len(tasks.support.x)):
        params = start
        for _ in range(steps):
            grads = grad(_squared_error)(start, _support(tasks, i))
            params = {name: p - lr * grads[name] for name, p in params.items()}
        results.append(params)
    return _stacked(results)


def fine_tune_all__wrong__uses_query_set__query(start, tasks, steps, lr):
    def fine_tune(task):
        params = start
        for _ in range(steps):
            grads = grad(_squared_error)(params, task.query)
            params = {name: p - lr * grads[name] for name, p in params.items()}
        return params

    return vmap(fine_tune)(tasks)


def fine_tune_all__wrong__uses_query_set__all_points(start, tasks, steps, lr):
    everything = Examples(
        torch.cat([tasks.support.x, tasks.query.x], dim=1), torch.cat([tasks.support.y, tasks.query.y], dim=1)
    )
    return fine_tune_all__right__vmap(start, tasks._replace(support=everything), steps, lr)


def fine_tune_all__wrong__wrong_value__one_step_too_few(start, tasks, steps, lr):
    def fine_tune(support):
        params = start
        for _ in range(1, steps):
            grads = grad(_squared_error)(params, support)
            params = {name: p - lr * grads[name] for name, p in params.items()}
        return params

    return vmap(fine_tune)(tasks.support)


def fine_tune_all__wrong__raised__backward_in_vmap(start, tasks, steps, lr):
    def fine_tune(support):
        params = {name: p.clone().requires_grad_() for name, p in start.items()}
        for _ in range(steps):
            _squared_error(params, support).backward()
            params = {name: (p - lr * p.grad).detach().requires_grad_() for name, p in params.items()}
        return params

    return vmap(fine_tune)(tasks.support)


def fine_tune_all__wrong__raised__backward_into_grad(start, tasks, steps, lr):
    def fine_tune(support):
        params = {name: p.clone() for name, p in start.items()}
        for _ in range(steps):
            _squared_error(params, support).backward()
            params = {name: p - lr * p.grad for name, p in params.items()}
        return params

    return vmap(fine_tune)(tasks.support)
