import copy

import torch
import torch.nn.functional as F
from torch.func import grad, grad_and_value, jacrev, vjp

from metalearn_course import SGD, unroll


def _step(params, grads, lr):
    return {name: p - lr * grads[name] for name, p in params.items()}


def _adapted(loss, params, support, lr):
    return _step(params, grad(loss)(params, support), lr)


def maml_loss__right__dict_of_new_parameters(loss, params, task, lr):
    grads = grad(loss)(params, task.support)
    adapted = {name: p - lr * grads[name] for name, p in params.items()}
    return loss(adapted, task.query)


def maml_loss__right__unroll(loss, params, task, lr):
    trace = unroll(loss, SGD(lr), params, [task.support])
    return loss(trace.params, task.query)


def maml_loss__right__a_copy_that_is_filled(loss, params, task, lr):
    support, query, _ = task
    grads, _ = grad_and_value(lambda p: loss(p, support))(params)
    adapted = dict(params)
    for name in params:
        adapted[name] = adapted[name] - lr * grads[name]
    return loss(adapted, query)


def maml_loss__right__pulled_back(loss, params, task, lr):
    value, back = vjp(lambda p: loss(p, task.support), params)
    (grads,) = back(torch.ones_like(value))
    return loss(_step(params, grads, lr), task.query)


def maml_loss__wrong__query_in_inner_step__step_on_the_query_set(loss, params, task, lr):
    return loss(_adapted(loss, params, task.query, lr), task.query)


def maml_loss__wrong__query_in_inner_step__the_two_swapped(loss, params, task, lr):
    query, support, _ = task
    return loss(_adapted(loss, params, support, lr), query)


def maml_loss__wrong__query_in_inner_step__both_losses_added(loss, params, task, lr):
    grads = grad(lambda p: loss(p, task.support) + loss(p, task.query))(params)
    return loss(_step(params, grads, lr), task.query)


def maml_loss__wrong__query_in_inner_step__all_examples_together(loss, params, task, lr):
    both = type(task.support)(*map(torch.cat, zip(task.support, task.query, strict=True)))
    return loss(_adapted(loss, params, both, lr), task.query)


def maml_loss__wrong__judges_the_start__adapted_unused(loss, params, task, lr):
    grads = grad(loss)(params, task.support)
    adapted = {name: p - lr * grads[name] for name, p in params.items()}  # noqa: F841
    return loss(params, task.query)


def maml_loss__wrong__judges_the_start__names_that_go_nowhere(loss, params, task, lr):
    grads = grad(loss)(params, task.support)
    for name, p in params.items():
        p = p - lr * grads[name]
    return loss(params, task.query)


def maml_loss__wrong__judged_on_support__after_the_step(loss, params, task, lr):
    return loss(_adapted(loss, params, task.support, lr), task.support)


def maml_loss__wrong__judged_on_support__the_value_that_came_with_the_gradient(loss, params, task, lr):
    grads, value = grad_and_value(loss)(params, task.support)
    params = _step(params, grads, lr)
    return value


def maml_loss__wrong__judged_on_support__all_examples(loss, params, task, lr):
    both = type(task.support)(*map(torch.cat, zip(task.support, task.query, strict=True)))
    return loss(_adapted(loss, params, task.support, lr), both)


def maml_loss__wrong__climbs__plus(loss, params, task, lr):
    grads = grad(loss)(params, task.support)
    return loss({name: p + lr * grads[name] for name, p in params.items()}, task.query)


def maml_loss__wrong__climbs__add(loss, params, task, lr):
    grads = grad(loss)(params, task.support)
    return loss({name: torch.add(p, grads[name], alpha=lr) for name, p in params.items()}, task.query)


def maml_loss__wrong__tasks_chained__dict_overwritten(loss, params, task, lr):
    grads = grad(loss)(params, task.support)
    for name in params:
        params[name] = params[name] - lr * grads[name]
    return loss(params, task.query)


def maml_loss__wrong__tasks_chained__data(loss, params, task, lr):
    grads = torch.autograd.grad(loss(params, task.support), list(params.values()))
    for p, g in zip(params.values(), grads, strict=True):
        p.data -= lr * g
    return loss(params, task.query)


def maml_loss__wrong__tasks_chained__no_grad(loss, params, task, lr):
    loss(params, task.support).backward()
    with torch.no_grad():
        for p in params.values():
            p -= lr * p.grad
    return loss(params, task.query)


def maml_loss__wrong__detaches_inner_gradient__detach(loss, params, task, lr):
    grads = grad(loss)(params, task.support)
    return loss({name: p - lr * grads[name].detach() for name, p in params.items()}, task.query)


def maml_loss__wrong__detaches_inner_gradient__no_create_graph(loss, params, task, lr):
    grads = torch.autograd.grad(loss(params, task.support), list(params.values()))
    adapted = {name: p - lr * g for (name, p), g in zip(params.items(), grads, strict=True)}
    return loss(adapted, task.query)


def maml_loss__wrong__detaches_inner_gradient__backward(loss, params, task, lr):
    loss(params, task.support).backward()
    return loss({name: p - lr * p.grad for name, p in params.items()}, task.query)


def maml_loss__wrong__cuts_gradient__no_grad(loss, params, task, lr):
    with torch.no_grad():
        adapted = _adapted(loss, params, task.support, lr)
        return loss(adapted, task.query)


def maml_loss__wrong__cuts_gradient__detached_copy(loss, params, task, lr):
    fast = {name: p.detach().clone().requires_grad_() for name, p in params.items()}
    grads = torch.autograd.grad(loss(fast, task.support), list(fast.values()), create_graph=True)
    fast = {name: p - lr * g for (name, p), g in zip(fast.items(), grads, strict=True)}
    return loss(fast, task.query)


def maml_loss__wrong__cuts_gradient__a_number(loss, params, task, lr):
    return torch.tensor(loss(_adapted(loss, params, task.support, lr), task.query).item(), dtype=torch.float32)


def maml_loss__wrong__breaks_under_vmap__autograd(loss, params, task, lr):
    grads = torch.autograd.grad(loss(params, task.support), list(params.values()), create_graph=True)
    adapted = {name: p - lr * g for (name, p), g in zip(params.items(), grads, strict=True)}
    return loss(adapted, task.query)


def maml_loss__wrong__breaks_under_vmap__asks_about_a_number(loss, params, task, lr):
    grads, value = grad_and_value(loss)(params, task.support)
    if value.item() > 1e9:
        raise ValueError("diverged")
    return loss(_step(params, grads, lr), task.query)


def first_order__right__detached_gradients(loss, params, task, lr):
    grads = grad(loss)(params, task.support)
    return loss({name: p - lr * grads[name].detach() for name, p in params.items()}, task.query)


def first_order__right__gradient_at_a_detached_copy(loss, params, task, lr):
    grads = grad(loss)({name: p.detach() for name, p in params.items()}, task.support)
    return loss(_step(params, grads, lr), task.query)


def first_order__right__moved_by_a_constant(loss, params, task, lr):
    adapted = _adapted(loss, params, task.support, lr)
    return loss({name: p + (adapted[name] - p).detach() for name, p in params.items()}, task.query)


def first_order__right__unroll(loss, params, task, lr):
    return loss(unroll(loss, SGD(lr), params, [task.support], first_order=True).params, task.query)


def first_order__right__only_the_gradient_unrecorded(loss, params, task, lr):
    with torch.no_grad():
        grads = jacrev(loss)(params, task.support)
    return loss(_step(params, grads, lr), task.query)


def first_order__wrong__detaches_parameters__before_the_step(loss, params, task, lr):
    params = {name: p.detach().requires_grad_() for name, p in params.items()}
    grads = grad(loss)(params, task.support)
    return loss({name: p - lr * grads[name] for name, p in params.items()}, task.query)


def first_order__wrong__detaches_parameters__after_the_step(loss, params, task, lr):
    adapted = {}
    for name, g in grad(loss)(params, task.support).items():
        adapted[name] = (params[name] - lr * g).detach()
    return loss(adapted, task.query)


def first_order__wrong__detaches_parameters__deepcopy(loss, params, task, lr):
    fast = {name: torch.tensor(p.tolist(), dtype=p.dtype) for name, p in params.items()}
    return loss(_adapted(loss, fast, task.support, lr), task.query)


def first_order__wrong__no_grad_around_inner_step__with(loss, params, task, lr):
    with torch.no_grad():
        grads = grad(loss)(params, task.support)
        adapted = {name: p - lr * grads[name] for name, p in params.items()}
    return loss(adapted, task.query)


def first_order__wrong__no_grad_around_inner_step__decorated(loss, params, task, lr):
    @torch.no_grad()
    def adapt(support):
        return unroll(loss, SGD(lr), params, [support]).params

    return loss(adapt(task.support), task.query)


def first_order__wrong__no_grad_around_inner_step__only_the_subtraction(loss, params, task, lr):
    grads = torch.autograd.grad(loss(params, task.support), list(params.values()))
    with torch.no_grad():
        adapted = [p - lr * g for p, g in zip(params.values(), grads, strict=True)]
    return loss(dict(zip(params, adapted, strict=True)), task.query)


def first_order__wrong__still_second_order__unchanged(loss, params, task, lr):
    return loss(_adapted(loss, params, task.support, lr), task.query)


def first_order__wrong__still_second_order__the_examples_detached(loss, params, task, lr):
    support = type(task.support)(*(part.detach() for part in task.support))
    grads, value = grad_and_value(loss)(params, support)
    value = value.detach()
    return loss(_step(params, grads, lr), task.query)


def first_order__wrong__still_second_order__create_graph(loss, params, task, lr):
    inner = loss(params, task.support)
    grads = torch.autograd.grad(inner, list(params.values()), create_graph=True, retain_graph=True)
    return loss({name: p - lr * g for (name, p), g in zip(params.items(), grads, strict=True)}, task.query)


def first_order__wrong__breaks_under_vmap__autograd(loss, params, task, lr):
    grads = torch.autograd.grad(loss(params, task.support), list(params.values()))
    return loss({name: p - lr * g for (name, p), g in zip(params.items(), grads, strict=True)}, task.query)


def first_order__wrong__breaks_under_vmap__numbers(loss, params, task, lr):
    grads = grad(loss)(params, task.support)
    constants = {name: torch.tensor(g.tolist(), dtype=g.dtype) for name, g in grads.items()}
    return loss(_step(params, constants, lr), task.query)


def first_order__wrong__wrong_value__slope_at_the_start(loss, params, task, lr):
    value = first_order__right__detached_gradients(loss, params, task, lr)
    at_start = loss(params, task.query)
    return value.detach() + at_start - at_start.detach()


def reptile_update__right__one_line(start, trace, eps):
    return {name: p + eps * (trace.params[name] - p).mean(0) for name, p in start.items()}


def reptile_update__right__between_start_and_mean(start, trace, eps):
    return {name: (1 - eps) * p + eps * trace.params[name].mean(dim=0) for name, p in start.items()}


def reptile_update__right__lerp(start, trace, eps):
    return {name: torch.lerp(p, trace.params[name].mean(0), eps) for name, p in start.items()}


def reptile_update__right__task_by_task(start, trace, eps):
    new = {}
    for name, p in start.items():
        way = torch.zeros_like(p)
        for end in trace.params[name]:
            way = way + (end - p)
        new[name] = p + eps * way / len(trace.params[name])
    return new


def reptile_update__wrong__wrong_sign__start_minus_end(start, trace, eps):
    return {name: p + eps * (p - trace.params[name]).mean(0) for name, p in start.items()}


def reptile_update__wrong__wrong_sign__like_a_gradient(start, trace, eps):
    ways = {name: trace.params[name].mean(0) - p for name, p in start.items()}
    return {name: p - eps * ways[name] for name, p in start.items()}


def reptile_update__wrong__last_task_only__index(start, trace, eps):
    return {name: p + eps * (trace.params[name][-1] - p) for name, p in start.items()}


def reptile_update__wrong__last_task_only__overwritten_in_the_loop(start, trace, eps):
    tasks = len(next(iter(trace.params.values())))
    for task in range(tasks):
        new = {name: p + eps * (trace.params[name][task] - p) for name, p in start.items()}
    return new


def reptile_update__wrong__sums_tasks__sum(start, trace, eps):
    return {name: p + eps * (trace.params[name] - p).sum(0) for name, p in start.items()}


def reptile_update__wrong__sums_tasks__loop(start, trace, eps):
    new = dict(start)
    for task in range(len(next(iter(trace.params.values())))):
        new = {name: new[name] + eps * (trace.params[name][task] - p) for name, p in start.items()}
    return new


def reptile_update__wrong__gradient_at_the_end__last_step(start, trace, eps):
    return {name: p - eps * trace.steps[-1].grads[name].mean(0) for name, p in start.items()}


def reptile_update__wrong__gradient_at_the_end__loop(start, trace, eps):
    for step in trace.steps:
        grads = step.grads
    return _step(start, {name: g.mean(0) for name, g in grads.items()}, eps)


def reptile_update__wrong__sums_gradients__all_steps(start, trace, eps):
    return {name: p - eps * sum(step.grads[name] for step in trace.steps).mean(0) for name, p in start.items()}


def reptile_update__wrong__sums_gradients__one_step_after_another(start, trace, eps):
    for step in trace.steps:
        start = _step(start, {name: g.mean(0) for name, g in step.grads.items()}, eps)
    return start


def reptile_update__wrong__jumps_to_the_mean__no_eps(start, trace, eps):
    return {name: ends.mean(0) for name, ends in trace.params.items()}


def reptile_update__wrong__jumps_to_the_mean__all_the_way(start, trace, eps):
    return {name: p + (trace.params[name] - p).mean(0) for name, p in start.items()}


def reptile_update__wrong__leaves_out_the_start__way(start, trace, eps):
    return {name: eps * (trace.params[name] - p).mean(0) for name, p in start.items()}


def reptile_update__wrong__leaves_out_the_start__loop(start, trace, eps):
    update = {}
    for name, ends in trace.params.items():
        update[name] = eps * (ends.mean(0) - start[name])
    return update


def reptile_update__wrong__averages_everything__mean(start, trace, eps):
    return {name: p + eps * (trace.params[name] - p).mean() for name, p in start.items()}


def reptile_update__wrong__averages_everything__sum_over_count(start, trace, eps):
    ways = {name: trace.params[name] - p for name, p in start.items()}
    return {name: p + eps * ways[name].sum() / ways[name].numel() for name, p in start.items()}


def reptile_update__wrong__wrong_value__params_of_the_last_step(start, trace, eps):
    return {name: p + eps * (trace.steps[-1].params[name] - p).mean(0) for name, p in start.items()}


def meta_loss__right__adapted_in_the_loop(loss, params, tasks, lr):
    total = 0.0
    for task in tasks:
        grads = grad(loss)(params, task.support)
        adapted = {name: p - lr * grads[name] for name, p in params.items()}
        total = total + loss(adapted, task.query)
    return total / len(tasks)


def meta_loss__right__mean_of_single_ones(loss, params, tasks, lr):
    return torch.stack([maml_loss__right__unroll(loss, params, task, lr) for task in tasks]).mean()


def meta_loss__right__autograd(loss, params, tasks, lr):
    losses = []
    for support, query, _ in tasks:
        grads = torch.autograd.grad(loss(params, support), list(params.values()), create_graph=True)
        fast = dict(params)
        for name, g in zip(params, grads, strict=True):
            fast[name] = fast[name] - lr * g
        losses.append(loss(fast, query))
    return sum(losses) / len(losses)


def meta_loss__right__a_start_of_its_own(loss, params, tasks, lr):
    total = torch.tensor(0.0, dtype=next(iter(params.values())).dtype)
    start = params
    for task in tasks:
        params = start
        params = _adapted(loss, params, task.support, lr)
        total += loss(params, task.query) / len(tasks)
    return total


def meta_loss__wrong__tasks_chained__written_into_the_dict(loss, params, tasks, lr):
    total = 0.0
    for task in tasks:
        grads = grad(loss)(params, task.support)
        for name in params:
            params[name] = params[name] - lr * grads[name]
        total = total + loss(params, task.query)
    return total / len(tasks)


def meta_loss__wrong__tasks_chained__a_name_used_again(loss, params, tasks, lr):
    losses = []
    for task in tasks:
        grads = grad(loss)(params, task.support)
        params = {name: p - lr * grads[name] for name, p in params.items()}
        losses.append(loss(params, task.query))
    return torch.stack(losses).mean()


def meta_loss__wrong__tasks_chained__one_copy_for_all(loss, params, tasks, lr):
    fast, total = dict(params), 0.0
    for task in tasks:
        for name, g in grad(loss)(fast, task.support).items():
            fast[name] = fast[name] - lr * g
        total = total + loss(fast, task.query)
    return total / len(tasks)


def meta_loss__wrong__tasks_chained__data(loss, params, tasks, lr):
    total = 0.0
    for task in tasks:
        for name, g in grad(loss)(params, task.support).items():
            params[name].data -= lr * g
        total = total + loss(params, task.query)
    return total / len(tasks)


def meta_loss__wrong__adapts_once__mean_gradient(loss, params, tasks, lr):
    grads = grad(lambda p: sum(loss(p, task.support) for task in tasks) / len(tasks))(params)
    adapted = _step(params, grads, lr)
    return sum(loss(adapted, task.query) for task in tasks) / len(tasks)


def meta_loss__wrong__adapts_once__gradients_added_up(loss, params, tasks, lr):
    adapted = dict(params)
    for task in tasks:
        grads = grad(loss)(params, task.support)
        adapted = _step(adapted, grads, lr)
    return torch.stack([loss(adapted, task.query) for task in tasks]).mean()


def meta_loss__wrong__sums_tasks__sum(loss, params, tasks, lr):
    return torch.stack([maml_loss__right__unroll(loss, params, task, lr) for task in tasks]).sum()


def meta_loss__wrong__sums_tasks__total(loss, params, tasks, lr):
    total = 0.0
    for task in tasks:
        total = total + loss(_adapted(loss, params, task.support, lr), task.query)
    return total


def meta_loss__wrong__last_task_only__overwritten(loss, params, tasks, lr):
    for task in tasks:
        last = loss(_adapted(loss, params, task.support, lr), task.query)
    return last


def meta_loss__wrong__last_task_only__return_in_the_loop(loss, params, tasks, lr):
    total = 0.0
    for task in tasks:
        total = total + loss(_adapted(loss, params, task.support, lr), task.query)
        return total / len(tasks)


def meta_loss__wrong__cuts_gradient__deepcopy(loss, params, tasks, lr):
    total = 0.0
    for task in tasks:
        fast = copy.deepcopy(params)
        total = total + loss(_adapted(loss, fast, task.support, lr), task.query)
    return total / len(tasks)


def meta_loss__wrong__cuts_gradient__detached_copy(loss, params, tasks, lr):
    losses = []
    for task in tasks:
        fast = {name: p.clone().detach() for name, p in params.items()}
        losses.append(loss(_adapted(loss, fast, task.support, lr), task.query))
    return torch.stack(losses).mean()


def meta_loss__wrong__wrong_value__weighted_by_queries(loss, params, tasks, lr):
    total, count = 0.0, 0
    for task in tasks:
        grads = grad(loss)(params, task.support)
        adapted = {name: p - lr * grads[name] for name, p in params.items()}
        total = total + len(task.query.y) * loss(adapted, task.query)
        count += len(task.query.y)
    return total / count


def choose_checkpoint__right__argmax(validation, test):
    best = int(validation.argmax())
    return best, test[best].item()


def choose_checkpoint__right__loop(validation, test):
    best = 0
    for checkpoint in range(1, len(validation)):
        if validation[checkpoint] > validation[best]:
            best = checkpoint
    return best, float(test[best])


def choose_checkpoint__right__pairs(validation, test):
    _, best = max((value, index) for index, value in enumerate(validation.tolist()))
    return best, test.tolist()[best]


def choose_checkpoint__wrong__chooses_by_test__argmax(validation, test):
    return int(test.argmax()), float(test.max())


def choose_checkpoint__wrong__chooses_by_test__best_so_far(validation, test):
    best, record = 0, 0.0
    for checkpoint, accuracy in enumerate(test.tolist()):
        if accuracy > record:
            best, record = checkpoint, accuracy
    return best, record


def choose_checkpoint__wrong__chooses_by_test__reported_by_validation(validation, test):
    best = int(test.argmax())
    return best, validation[best].item()


def choose_checkpoint__wrong__lets_test_vote__mean(validation, test):
    best = int(((validation + test) / 2).argmax())
    return best, test[best].item()


def choose_checkpoint__wrong__lets_test_vote__product(validation, test):
    both = [v * t for v, t in zip(validation.tolist(), test.tolist(), strict=True)]
    best = both.index(max(both))
    return best, float(test[best])


def choose_checkpoint__wrong__lets_test_vote__smaller_of_the_two(validation, test):
    best = torch.minimum(validation, test).argmax().item()
    return best, test[best].item()


def choose_checkpoint__wrong__lets_test_vote__largest_pair(validation, test):
    _, accuracy, best = max(zip(validation.tolist(), test.tolist(), range(len(test)), strict=True))
    return best, accuracy


def choose_checkpoint__wrong__lets_test_vote__luckiest_of_the_best(validation, test):
    best = int(test.masked_fill(validation < validation.max(), -1.0).argmax())
    return best, test[best].item()


def choose_checkpoint__wrong__reports_validation__same_row(validation, test):
    best = int(validation.argmax())
    return best, validation[best].item()


def choose_checkpoint__wrong__reports_validation__max(validation, test):
    accuracy, best = validation.max(0)
    return best.item(), accuracy.item()


def choose_checkpoint__wrong__reports_best_test__max(validation, test):
    return int(validation.argmax()), test.max().item()


def choose_checkpoint__wrong__reports_best_test__sorted(validation, test):
    best = validation.tolist().index(max(validation.tolist()))
    return best, sorted(test.tolist())[-1]


def choose_checkpoint__wrong__takes_the_last__index(validation, test):
    return len(test) - 1, test[-1].item()


def choose_checkpoint__wrong__takes_the_last__loop(validation, test):
    for checkpoint, accuracy in enumerate(test.tolist()):
        best = checkpoint, accuracy
    return best


def choose_checkpoint__wrong__wrong_value__counted_from_one(validation, test):
    best = int(validation.argmax())
    return best + 1, float(test[best])


def normalize_queries__right__mean_and_std(support, query):
    return (query - support.mean(0)) / support.std(0)


def normalize_queries__right__var_mean(support, query):
    variance, mean = torch.var_mean(support, dim=0)
    return (query - mean) * (variance + 1e-8).rsqrt()


def normalize_queries__right__batch_norm(support, query):
    return F.batch_norm(query, support.mean(0), support.var(0, correction=0))


def normalize_queries__right__row_by_row(support, query):
    mean, std = support.mean(0), support.std(0)
    return torch.stack([(row - mean) / std for row in query])


def normalize_queries__wrong__uses_query_statistics__mean_and_std(support, query):
    return (query - query.mean(0)) / query.std(0)


def normalize_queries__wrong__uses_query_statistics__batch_norm(support, query):
    if len(query) == 1:
        return query - query
    return F.batch_norm(query, None, None, training=True)


def normalize_queries__wrong__mixes_statistics__pooled(support, query):
    both = torch.cat([support, query])
    return (query - both.mean(0)) / both.std(0)


def normalize_queries__wrong__mixes_statistics__half_repaired(support, query):
    return (query - support.mean(0)) / query.std(0)


def normalize_queries__wrong__mixes_statistics__batch_norm_of_all(support, query):
    return F.batch_norm(torch.cat([support, query]), None, None, training=True)[len(support) :]


def normalize_queries__wrong__each_by_itself__layer_norm(support, query):
    return F.layer_norm(query, query.shape[1:])


def normalize_queries__wrong__each_by_itself__unit_length(support, query):
    return query / query.norm(dim=1, keepdim=True)


def normalize_queries__wrong__each_by_itself__row_statistics(support, query):
    return (query - query.mean(1, keepdim=True)) / query.std(1, keepdim=True)


def normalize_queries__wrong__one_number_for_all_features__no_dimension(support, query):
    return (query - support.mean()) / support.std()


def normalize_queries__wrong__one_number_for_all_features__only_the_std(support, query):
    return (query - support.mean(0)) / support.std()


def normalize_queries__wrong__one_number_for_all_features__flat(support, query):
    numbers = [number for row in support.tolist() for number in row]
    mean = sum(numbers) / len(numbers)
    return (query - mean) / (sum((number - mean) ** 2 for number in numbers) / len(numbers)) ** 0.5


def normalize_queries__wrong__leaves_them_raw__as_they_came(support, query):
    return query


def normalize_queries__wrong__leaves_them_raw__normalizes_the_support_set(support, query):
    support = (support - support.mean(0)) / support.std(0)
    return query.clone()


def normalize_queries__wrong__wrong_value__by_the_extremes(support, query):
    low, high = support.amin(0), support.amax(0)
    return 2 * (query - low) / (high - low) - 1


def depends_on_neighbors__right__each_alone(predictor, query):
    alone = torch.cat([predictor(x[None]) for x in query])
    return not torch.allclose(alone, predictor(query), atol=1e-4, equal_nan=True)


def depends_on_neighbors__right__other_neighbors(predictor, query):
    before = predictor(query)
    for i in range(len(query)):
        others = torch.randn(query.shape)
        others[i] = query[i]
        if (predictor(others)[i] - before[i]).abs().max() > 1e-4:
            return True
    return False


def depends_on_neighbors__right__one_neighbor_after_another(predictor, query):
    before = predictor(query)
    changes = []
    for j in range(len(query)):
        changed = query.clone()
        changed[j] = 0.5 - 2 * query[j]
        keep = torch.arange(len(query)) != j
        changes.append(torch.allclose(predictor(changed)[keep], before[keep], rtol=1e-4, atol=1e-5, equal_nan=True))
    return not all(changes)


def depends_on_neighbors__right__a_larger_batch(predictor, query):
    among = predictor(torch.cat([query.flip(0) * 3, query, query + 1]))[len(query) : 2 * len(query)]
    return bool((among - predictor(query)).abs().max() > 1e-4)


def depends_on_neighbors__wrong__compares_different_images__everything_replaced(predictor, query):
    return not torch.allclose(predictor(torch.zeros_like(query)), predictor(query), atol=1e-4)


def depends_on_neighbors__wrong__compares_different_images__shuffled_answers(predictor, query):
    return not torch.allclose(predictor(query.flip(0)), predictor(query), atol=1e-4)


def depends_on_neighbors__wrong__compares_different_images__next_to_each_other(predictor, query):
    answers = predictor(query)
    return bool((answers[1:] - answers[:-1]).abs().max() > 1e-4)


def depends_on_neighbors__wrong__exact_comparison__equal(predictor, query):
    return not torch.equal(torch.cat([predictor(x[None]) for x in query]), predictor(query))


def depends_on_neighbors__wrong__exact_comparison__unequal_numbers(predictor, query):
    among = predictor(query)
    return any(bool((predictor(query[i : i + 1])[0] != among[i]).any()) for i in range(len(query)))


def depends_on_neighbors__wrong__only_permutes__flip(predictor, query):
    return not torch.allclose(predictor(query.flip(0)).flip(0), predictor(query), atol=1e-4)


def depends_on_neighbors__wrong__only_permutes__many_orders(predictor, query):
    before = predictor(query)
    for _ in range(20):
        order = torch.randperm(len(query))
        if (predictor(query[order]) - before[order]).abs().max() > 1e-4:
            return True
    return False


def depends_on_neighbors__wrong__gradient_only__jacobian(predictor, query):
    jacobian = torch.autograd.functional.jacobian(predictor, query)
    felt = jacobian.abs().flatten(3).sum(-1).sum(1)
    felt = felt if felt.shape[0] == felt.shape[1] else felt.T
    return bool((felt - felt.diag().diag() > 1e-6).any())


def depends_on_neighbors__wrong__gradient_only__image_by_image(predictor, query):
    for i in range(len(query)):
        x = query.clone().requires_grad_()
        (felt,) = torch.autograd.grad(predictor(x)[i].sum(), x)
        others = torch.arange(len(query)) != i
        if (felt[others] != 0).any():
            return True
    return False


def depends_on_neighbors__wrong__compares_decisions__argmax(predictor, query):
    alone = torch.cat([predictor(x[None]) for x in query]).argmax(-1)
    return not torch.equal(alone, predictor(query).argmax(-1))


def depends_on_neighbors__wrong__compares_decisions__accuracy(predictor, query):
    labels = predictor(query).argmax(1)
    right = [float(predictor(x[None]).argmax() == y) for x, y in zip(query, labels, strict=True)]
    return sum(right) / len(right) < 1


def depends_on_neighbors__wrong__asks_one_image__the_first(predictor, query):
    return not torch.allclose(predictor(query[:1]), predictor(query)[:1], atol=1e-4)


def depends_on_neighbors__wrong__asks_one_image__the_last(predictor, query):
    return bool((predictor(query[-1:])[0] - predictor(query)[-1]).abs().sum() > 1e-4)


def depends_on_neighbors__wrong__asks_one_image__the_last_one_replaced(predictor, query):
    changed = torch.cat([query[:-1], torch.zeros_like(query[-1:])])
    return not torch.allclose(predictor(changed)[:-1], predictor(query)[:-1], atol=1e-4)


def depends_on_neighbors__wrong__misses_nan__largest_difference(predictor, query):
    alone = torch.cat([predictor(x[None]) for x in query])
    return bool((alone - predictor(query)).abs().max() > 1e-4)


def depends_on_neighbors__wrong__misses_nan__image_by_image(predictor, query):
    among = predictor(query)
    for i in range(len(query)):
        change = predictor(query[i : i + 1])[0] - among[i]
        if any(abs(number) > 1e-4 for number in change.tolist()):
            return True
    return False


def depends_on_neighbors__wrong__misses_nan__replaced(predictor, query):
    alone = torch.stack([predictor(x[None])[0] for x in query])
    return (alone - predictor(query)).nan_to_num().norm().item() > 1e-3


def depends_on_neighbors__wrong__nan_is_not_nan__allclose(predictor, query):
    alone = torch.cat([predictor(x[None]) for x in query])
    return not torch.allclose(alone, predictor(query), atol=1e-4)


def depends_on_neighbors__wrong__nan_is_not_nan__differences_that_are_not_small(predictor, query):
    among = predictor(query)
    small = [(predictor(query[i : i + 1])[0] - among[i]).abs() < 1e-4 for i in range(len(query))]
    return not bool(torch.cat(small).all())


def depends_on_neighbors__right__among_five_hundred(predictor, query):
    def changes(x):
        others = torch.randn(500, *x.shape)
        among = predictor(torch.cat([others[:250], x[None], others[250:]]))[250]
        return not torch.allclose(predictor(x[None])[0], among, atol=1e-4, equal_nan=True)

    return any(changes(x) for x in query)


def depends_on_neighbors__wrong__wrong_value__not_forgotten(predictor, query):
    alone = torch.cat([predictor(x[None]) for x in query])
    return torch.allclose(alone, predictor(query), atol=1e-4, equal_nan=True)


def depends_on_neighbors__wrong__wrong_value__coarse(predictor, query):
    alone = torch.cat([predictor(x[None]) for x in query])
    return not torch.allclose(alone, predictor(query), atol=1e-2, equal_nan=True)


def depends_on_neighbors__wrong__exact_comparison__default_tolerance(predictor, query):
    alone = torch.cat([predictor(x[None]) for x in query])
    return not torch.allclose(alone, predictor(query), equal_nan=True)


def anil_adapt__right__two_dicts(loss, params, support, lr, steps, head):
    body = {name: p for name, p in params.items() if name not in head}
    moving = {name: params[name] for name in head}
    for _ in range(steps):
        grads = grad(lambda part: loss({**body, **part}, support))(moving)
        moving = {name: p - lr * grads[name] for name, p in moving.items()}
    return {**body, **moving}


def anil_adapt__right__all_gradients_some_used(loss, params, support, lr, steps, head):
    for _ in range(steps):
        grads = grad(loss)(params, support)
        params = {name: p - lr * grads[name] if name in head else p for name, p in params.items()}
    return params


def anil_adapt__right__a_rate_for_each(loss, params, support, lr, steps, head):
    rates = {name: lr * (name in head) for name in params}
    adapted = dict(params)
    while steps > 0:
        grads = grad(loss)(adapted, support)
        adapted = {name: adapted[name] - rates[name] * grads[name] for name in adapted}
        steps -= 1
    return adapted


def anil_adapt__right__unroll(loss, params, support, lr, steps, head):
    def head_loss(part, examples):
        return loss(params | part, examples)

    trace = unroll(head_loss, SGD(lr), {name: params[name] for name in head}, [support] * steps)
    return params | trace.params


def anil_adapt__wrong__adapts_everything__maml(loss, params, support, lr, steps, head):
    for _ in range(steps):
        params = _adapted(loss, params, support, lr)
    return params


def anil_adapt__wrong__adapts_everything__unroll(loss, params, support, lr, steps, head):
    return unroll(loss, SGD(lr), params, [support] * steps).params


def anil_adapt__wrong__moves_the_body__inverted(loss, params, support, lr, steps, head):
    for _ in range(steps):
        grads = grad(loss)(params, support)
        params = {name: p if name in head else p - lr * grads[name] for name, p in params.items()}
    return params


def anil_adapt__wrong__moves_the_body__dicts_swapped(loss, params, support, lr, steps, head):
    still = {name: params[name] for name in head}
    moving = {name: p for name, p in params.items() if name not in head}
    for _ in range(steps):
        moving = _step(moving, grad(lambda part: loss({**still, **part}, support))(moving), lr)
    return {**still, **moving}


def anil_adapt__wrong__freezes_body__detached_from_the_first(loss, params, support, lr, steps, head):
    body = {name: p.detach() for name, p in params.items() if name not in head}
    moving = {name: params[name] for name in head}
    for _ in range(steps):
        moving = _step(moving, grad(lambda part: loss({**body, **part}, support))(moving), lr)
    return {**body, **moving}


def anil_adapt__wrong__freezes_body__detached_at_the_end(loss, params, support, lr, steps, head):
    for _ in range(steps):
        grads = grad(loss)(params, support)
        params = {name: p - lr * grads[name] if name in head else p for name, p in params.items()}
    return {name: p if name in head else p.detach() for name, p in params.items()}


def anil_adapt__wrong__freezes_body__no_grad_copy(loss, params, support, lr, steps, head):
    with torch.no_grad():
        body = {name: p.clone() for name, p in params.items() if name not in head}
    moving = unroll(
        lambda part, examples: loss(body | part, examples),
        SGD(lr),
        {name: params[name] for name in head},
        [support] * steps,
    ).params
    return body | moving


def anil_adapt__wrong__inner_step_ignores_body__detached_inside(loss, params, support, lr, steps, head):
    body = {name: p for name, p in params.items() if name not in head}
    frozen = {name: p.detach() for name, p in body.items()}
    moving = {name: params[name] for name in head}
    for _ in range(steps):
        moving = _step(moving, grad(lambda part: loss({**frozen, **part}, support))(moving), lr)
    return {**body, **moving}


def anil_adapt__wrong__inner_step_ignores_body__all_gradients(loss, params, support, lr, steps, head):
    for _ in range(steps):
        seen = {name: p if name in head else p.clone().detach() for name, p in params.items()}
        grads = grad(loss)(seen, support)
        params = {name: p - lr * grads[name] if name in head else p for name, p in params.items()}
    return params


def anil_adapt__wrong__detaches_inner_gradient__detach(loss, params, support, lr, steps, head):
    for _ in range(steps):
        grads = grad(loss)(params, support)
        params = {name: p - lr * grads[name].detach() if name in head else p for name, p in params.items()}
    return params


def anil_adapt__wrong__detaches_inner_gradient__no_create_graph(loss, params, support, lr, steps, head):
    params = dict(params)
    for _ in range(steps):
        grads = torch.autograd.grad(loss(params, support), [params[name] for name in head])
        for name, g in zip(head, grads, strict=True):
            params[name] = params[name] - lr * g
    return params


def anil_adapt__wrong__detaches_inner_gradient__detached_head(loss, params, support, lr, steps, head):
    moving = {name: params[name].detach() for name in head}
    for _ in range(steps):
        moving = _step(moving, grad(lambda part: loss({**params, **part}, support))(moving), lr)
    return {**params, **{name: p.detach() for name, p in moving.items()}}


def anil_adapt__wrong__gradient_at_start__outside_the_loop(loss, params, support, lr, steps, head):
    grads = grad(loss)(params, support)
    for _ in range(steps):
        params = {name: p - lr * grads[name] if name in head else p for name, p in params.items()}
    return params


def anil_adapt__wrong__gradient_at_start__of_the_first_parameters(loss, params, support, lr, steps, head):
    moving = {name: params[name] for name in head}
    for _ in range(steps):
        grads = grad(lambda part: loss({**params, **part}, support))({name: params[name] for name in head})
        moving = _step(moving, grads, lr)
    return {**params, **moving}


def anil_adapt__wrong__returns_head_only__moving(loss, params, support, lr, steps, head):
    moving = {name: params[name] for name in head}
    for _ in range(steps):
        moving = _step(moving, grad(lambda part: loss({**params, **part}, support))(moving), lr)
    return moving


def anil_adapt__wrong__returns_head_only__filtered(loss, params, support, lr, steps, head):
    adapted = anil_adapt__right__unroll(loss, params, support, lr, steps, head)
    return {name: p for name, p in adapted.items() if name in head}


def anil_adapt__wrong__breaks_under_vmap__autograd(loss, params, support, lr, steps, head):
    params = dict(params)
    for _ in range(steps):
        grads = torch.autograd.grad(loss(params, support), [params[name] for name in head], create_graph=True)
        for name, g in zip(head, grads, strict=True):
            params[name] = params[name] - lr * g
    return params


def anil_adapt__wrong__breaks_under_vmap__asks_about_a_number(loss, params, support, lr, steps, head):
    for _ in range(steps):
        grads, value = grad_and_value(loss)(params, support)
        if value.item() == 0:
            break
        params = {name: p - lr * grads[name] if name in head else p for name, p in params.items()}
    return params


def anil_adapt__wrong__wrong_value__the_last_tensors(loss, params, support, lr, steps, head):
    return anil_adapt__right__two_dicts(loss, params, support, lr, steps, list(params)[-len(head) :])
