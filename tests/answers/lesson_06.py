import copy
import functools

import torch
from torch.func import functional_call, grad, grad_and_value, jvp, vjp

from metalearn_course import SGD, update_rules


def _differentiable(params):
    return {name: p if p.requires_grad else p.detach().requires_grad_() for name, p in params.items()}


def _detached(params):
    return {name: p.detach().requires_grad_() for name, p in params.items()}


def _named(params, grads):
    return dict(zip(params, grads, strict=True))


def _gradients(loss, params, batch, create_graph=True):
    value = loss(params, batch)
    return _named(params, torch.autograd.grad(value, list(params.values()), create_graph=create_graph)), value


def unroll__right__grad_and_value(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        params, state = rule.update(params, grads, state, value)
    return params, state


def unroll__right__create_graph(loss, rule, params, batches):
    params = _differentiable(params)
    state = rule.init(params)
    for batch in batches:
        value = loss(params, batch)
        grads = torch.autograd.grad(value, list(params.values()), create_graph=True)
        params, state = rule.update(params, _named(params, grads), state, value)
    return params, state


def unroll__right__reduce(loss, rule, params, batches):
    def step(carried, batch):
        params, state = carried
        return rule.update(params, grad(loss)(params, batch), state, loss(params, batch))

    return functools.reduce(step, batches, (params, rule.init(params)))


def unroll__right__asks_the_rule_twice(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        new = rule.update(params, grads, state, value)[0]
        state = rule.update(params, grads, state, value)[1]
        params = new
    return params, state


def unroll__right__vjp(loss, rule, params, batches):
    current = params, rule.init(params)
    for i in range(len(batches)):
        value, back = vjp(lambda p, i=i: loss(p, batches[i]), current[0])
        current = rule.update(current[0], back(torch.ones_like(value))[0], current[1], value)
    return current


def unroll__wrong__gradient_needs_a_leaf__backward(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        value = loss(params, batch)
        value.backward()
        params, state = rule.update(params, {name: p.grad for name, p in params.items()}, state, value)
    return params, state


def unroll__wrong__gradient_needs_a_leaf__leaves_at_first(loss, rule, params, batches):
    params = _detached(params)
    state = rule.init(params)
    for batch in batches:
        value = loss(params, batch)
        value.backward()
        grads = {name: p.grad if p.is_leaf else None for name, p in params.items()}  # `.grad` would warn of it
        params, state = rule.update(params, grads, state, value)
    return params, state


def unroll__wrong__gradient_needs_a_leaf__autograd_grad(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        grads, value = _gradients(loss, params, batch)
        params, state = rule.update(params, grads, state, value)
    return params, state


def unroll__wrong__swaps_gradient_and_loss__unpacked(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        value, grads = grad_and_value(loss)(params, batch)
        params, state = rule.update(params, grads, state, value)
    return params, state


def unroll__wrong__swaps_gradient_and_loss__indexed(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        both = grad_and_value(loss)(params, batch)
        params, state = rule.update(params, grads=both[1], state=state, loss=both[0])
    return params, state


def unroll__wrong__returns_params_only__loop(loss, rule, params, batches):
    return unroll__right__grad_and_value(loss, rule, params, batches)[0]


def unroll__wrong__returns_params_only__of_the_trace(loss, rule, params, batches):
    return update_rules.unroll(loss, rule, params, batches).params


def unroll__wrong__ignores_rule__its_rate_only(loss, rule, params, batches):
    for batch in batches:
        grads = grad(loss)(params, batch)
        params = {name: p - rule.lr * grads[name] for name, p in params.items()}
    return params, rule.init(params)


def unroll__wrong__ignores_rule__a_rule_of_its_own(loss, rule, params, batches):
    sgd = SGD(getattr(rule, "lr", 0.1))
    state = sgd.init(params)
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        params, state = sgd.update(params, grads, state, value)
    return params, state


def unroll__wrong__first_batch_always__index_zero(loss, rule, params, batches):
    state = rule.init(params)
    for _ in range(len(batches)):
        grads, value = grad_and_value(loss)(params, batches[0])
        params, state = rule.update(params, grads, state, value)
    return params, state


def unroll__wrong__first_batch_always__new_iterator(loss, rule, params, batches):
    state = rule.init(params)
    for _ in batches:
        batch = next(iter(batches))
        grads, value = grad_and_value(loss)(params, batch)
        params, state = rule.update(params, grads, state, value)
    return params, state


def unroll__wrong__gradient_at_start__all_before(loss, rule, params, batches):
    measured = [grad_and_value(loss)(params, batch) for batch in batches]
    state = rule.init(params)
    for grads, value in measured:
        params, state = rule.update(params, grads, state, value)
    return params, state


def unroll__wrong__gradient_at_start__another_name(loss, rule, params, batches):
    state, new = rule.init(params), params
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        new, state = rule.update(new, grads, state, value)
    return new, state


def unroll__wrong__starts_again_each_batch__another_name(loss, rule, params, batches):
    state, new = rule.init(params), params
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        new, state = rule.update(params, grads, state, value)
    return new, state


def unroll__wrong__starts_again_each_batch__in_a_function(loss, rule, params, batches):
    state = rule.init(params)

    def step(batch):
        grads, value = grad_and_value(loss)(params, batch)
        return rule.update(params, grads, state, value)

    return [step(batch) for batch in batches][-1]


def unroll__wrong__stops_after_first_batch__return_inside(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        params, state = rule.update(params, grads, state, value)
        return params, state


def unroll__wrong__stops_after_first_batch__one_step(loss, rule, params, batches):
    grads, value = grad_and_value(loss)(params, batches[0])
    return rule.update(params, grads, rule.init(params), value)


def unroll__wrong__wrong_loss_for_rule__the_function(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        params, state = rule.update(params, grad(loss)(params, batch), state, loss)
    return params, state


def unroll__wrong__wrong_loss_for_rule__none(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        params, state = rule.update(params, grad(loss)(params, batch), state, None)
    return params, state


def unroll__wrong__wrong_loss_for_rule__a_float(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        params, state = rule.update(params, grads, state, value.item())
    return params, state


def unroll__wrong__wrong_loss_for_rule__detached(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        params, state = rule.update(params, grads, state, value.detach())
    return params, state


def unroll__wrong__wrong_loss_for_rule__one_step_late(loss, rule, params, batches):
    state, value = rule.init(params), loss(params, batches[-1])
    for batch in batches:
        grads = grad(loss)(params, batch)
        params, state = rule.update(params, grads, state, value)
        value = loss(params, batch)
    return params, state


def unroll__wrong__drops_state__init_each_step(loss, rule, params, batches):
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        params, state = rule.update(params, grads, rule.init(params), value)
    return params, state


def unroll__wrong__drops_state__underscore(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        params, _ = rule.update(params, grads, state, value)
    return params, state


def unroll__wrong__drops_state__another_name(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        params, new_state = rule.update(params, grads, state, value)
    return params, new_state


def unroll__wrong__detaches_each_step__leaves(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        params = _detached(params)
        grads, value = _gradients(loss, params, batch, create_graph=False)
        params, state = rule.update(params, grads, state, value)
    return params, state


def unroll__wrong__detaches_each_step__after_the_update(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        params, state = rule.update(params, grads, state, value)
        params = {name: p.detach() for name, p in params.items()}
    return params, state


def unroll__wrong__detaches_each_step__backward(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        params = {name: p.data.clone().requires_grad_() for name, p in params.items()}
        value = loss(params, batch)
        value.backward()
        grads = {name: p.grad for name, p in params.items()}
        with torch.no_grad():
            params, state = rule.update(params, grads, state, value)
    return params, state


def unroll__wrong__detaches_each_step__no_grad(loss, rule, params, batches):
    state = rule.init(params)
    with torch.no_grad():
        for batch in batches:
            grads, value = grad_and_value(loss)(params, batch)
            params, state = rule.update(params, grads, state, value)
    return params, state


def unroll__wrong__detaches_start__once_before(loss, rule, params, batches):
    params = _detached(params)
    state = rule.init(params)
    for batch in batches:
        grads, value = _gradients(loss, params, batch)
        params, state = rule.update(params, grads, state, value)
    return params, state


def unroll__wrong__detaches_start__deepcopy(loss, rule, params, batches):
    params = copy.deepcopy(params)
    state = rule.init(params)
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        params, state = rule.update(params, grads, state, value)
    return params, state


def unroll__wrong__detaches_start__data(loss, rule, params, batches):
    current = {name: p.data for name, p in params.items()}
    return unroll__right__reduce(loss, rule, current, batches)


def unroll__wrong__gradient_is_constant__no_create_graph(loss, rule, params, batches):
    params = _differentiable(params)
    state = rule.init(params)
    for batch in batches:
        value = loss(params, batch)
        grads = torch.autograd.grad(value, list(params.values()))
        params, state = rule.update(params, _named(params, grads), state, value)
    return params, state


def unroll__wrong__gradient_is_constant__detached_gradients(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        grads = {name: g.detach() for name, g in grads.items()}
        params, state = rule.update(params, grads, state, value)
    return params, state


def unroll__wrong__gradient_is_constant__first_order(loss, rule, params, batches):
    trace = update_rules.unroll(loss, rule, params, batches, first_order=True)
    return trace.params, trace.state


def unroll__wrong__wrong_value__clipped_gradients(loss, rule, params, batches):
    state = rule.init(params)
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        params, state = rule.update(params, {name: g.clamp(-1, 1) for name, g in grads.items()}, state, value)
    return params, state


def _step(params, grads, lr):
    return {name: p - lr * grads[name] for name, p in params.items()}


def _product(one, other):
    return sum((one[name] * other[name]).sum() for name in one)


def rate_gradient__right__formula(loss, params, support, query, lr):
    support_grads = grad(loss)(params, support)
    query_grads = grad(loss)(_step(params, support_grads, lr), query)
    return -_product(query_grads, support_grads)


def rate_gradient__right__grad_of_the_rate(loss, params, support, query, lr):
    def after(lr):
        return loss(_step(params, grad(loss)(params, support), lr), query)

    return grad(after)(lr)


def rate_gradient__right__through_unroll(loss, params, support, query, lr):
    star = lr.clone().requires_grad_()
    theta_1 = update_rules.unroll(loss, SGD(star), params, [support]).params
    return torch.autograd.grad(loss(theta_1, query), star)[0]


def rate_gradient__right__flat_vectors(loss, params, support, query, lr):
    g = grad(loss)(params, support)
    h = grad(loss)({name: p - lr * g[name] for name, p in params.items()}, query)
    return -torch.cat([t.flatten() for t in h.values()]) @ torch.cat([t.flatten() for t in g.values()])


def rate_gradient__right__forward_mode(loss, params, support, query, lr):
    g = grad(loss)(params, support)
    return jvp(lambda rate: loss(_step(params, g, rate), query), (lr,), (torch.ones_like(lr),))[1]


def rate_gradient__wrong__both_at_start__two_gradients(loss, params, support, query, lr):
    return -_product(grad(loss)(params, query), grad(loss)(params, support))


def rate_gradient__wrong__both_at_start__flat(loss, params, support, query, lr):
    params = _differentiable(params)
    g, h = ([t.flatten() for t in _gradients(loss, params, part)[0].values()] for part in (support, query))
    return -(torch.cat(g) @ torch.cat(h)).detach()


def rate_gradient__wrong__both_at_start__and_no_minus(loss, params, support, query, lr):
    return _product(grad(loss)(params, support), grad(loss)(params, query))


def rate_gradient__wrong__both_at_theta_1__overwrites_the_name(loss, params, support, query, lr):
    grads = grad(loss)(params, support)
    params = {name: p - lr * grads[name] for name, p in params.items()}
    return -_product(grad(loss)(params, query), grad(loss)(params, support))


def rate_gradient__wrong__both_at_theta_1__loop(loss, params, support, query, lr):
    theta_1 = update_rules.unroll(loss, SGD(lr), params, [support]).params
    support_grads, query_grads = (grad(loss)(theta_1, part) for part in (support, query))
    total = 0
    for name in params:
        total = total - (support_grads[name] * query_grads[name]).sum()
    return total


def rate_gradient__wrong__points_swapped__formula(loss, params, support, query, lr):
    theta_1 = _step(params, grad(loss)(params, support), lr)
    return -_product(grad(loss)(params, query), grad(loss)(theta_1, support))


def rate_gradient__wrong__points_swapped__overwrites_the_name(loss, params, support, query, lr):
    query_grads = grad(loss)(params, query)
    params = update_rules.unroll(loss, SGD(lr), params, [support]).params
    return -sum((g * query_grads[name]).sum() for name, g in grad(loss)(params, support).items())


def rate_gradient__wrong__rate_as_factor__formula(loss, params, support, query, lr):
    g = grad(loss)(params, support)
    return -lr * _product(grad(loss)(_step(params, g, lr), query), g)


def rate_gradient__wrong__rate_as_factor__the_step_as_a_vector(loss, params, support, query, lr):
    step = {name: -lr * g for name, g in grad(loss)(params, support).items()}
    theta_1 = {name: p + step[name] for name, p in params.items()}
    return _product(grad(loss)(theta_1, query), step)


def rate_gradient__wrong__plus_sign__formula(loss, params, support, query, lr):
    g = grad(loss)(params, support)
    return _product(grad(loss)(_step(params, g, lr), query), g)


def rate_gradient__wrong__plus_sign__descent_direction(loss, params, support, query, lr):
    direction = {name: -g for name, g in grad(loss)(params, support).items()}
    theta_1 = {name: p + lr * direction[name] for name, p in params.items()}
    return -sum((g * direction[name]).sum() for name, g in grad(loss)(theta_1, query).items())


def rate_gradient__wrong__support_loss_twice__formula(loss, params, support, query, lr):
    g = grad(loss)(params, support)
    return -_product(grad(loss)(_step(params, g, lr), support), g)


def rate_gradient__wrong__support_loss_twice__grad_of_the_rate(loss, params, support, query, lr):
    def after(lr):
        return loss(_step(params, grad(loss)(params, support), lr), support)

    return grad(after)(lr)


def rate_gradient__wrong__query_loss_twice__steps_on_query(loss, params, support, query, lr):
    g = grad(loss)(params, query)
    return -_product(grad(loss)(_step(params, g, lr), query), g)


def rate_gradient__wrong__query_loss_twice__product_only(loss, params, support, query, lr):
    theta_1 = _step(params, grad(loss)(params, support), lr)
    return -_product(grad(loss)(theta_1, query), grad(loss)(params, query))


def rate_gradient__wrong__steps_uphill__formula(loss, params, support, query, lr):
    g = grad(loss)(params, support)
    theta_1 = {name: p + lr * g[name] for name, p in params.items()}
    return -_product(grad(loss)(theta_1, query), g)


def rate_gradient__wrong__steps_uphill__grad_of_the_rate(loss, params, support, query, lr):
    g = grad(loss)(params, support)
    return grad(lambda rate: loss(_step(params, g, -rate), query))(lr)


def rate_gradient__wrong__forgets_a_tensor__first_only(loss, params, support, query, lr):
    g = grad(loss)(params, support)
    h = grad(loss)(_step(params, g, lr), query)
    first = next(iter(g))
    return -(g[first] * h[first]).sum()


def rate_gradient__wrong__forgets_a_tensor__overwritten_in_a_loop(loss, params, support, query, lr):
    g = grad(loss)(params, support)
    h = grad(loss)(_step(params, g, lr), query)
    for name in params:
        product = -(g[name] * h[name]).sum()
    return product


def rate_gradient__wrong__averages_products__mean_in_each(loss, params, support, query, lr):
    g = grad(loss)(params, support)
    h = grad(loss)(_step(params, g, lr), query)
    return -sum((g[name] * h[name]).mean() for name in params)


def rate_gradient__wrong__averages_products__mean_over_tensors(loss, params, support, query, lr):
    g = grad(loss)(params, support)
    h = grad(loss)(_step(params, g, lr), query)
    return -torch.stack([(g[name] * h[name]).sum() for name in params]).mean()


def rate_gradient__wrong__averages_products__mean_of_all(loss, params, support, query, lr):
    g = grad(loss)(params, support)
    h = grad(loss)(_step(params, g, lr), query)
    return -torch.cat([(g[name] * h[name]).flatten() for name in params]).mean()


def rate_gradient__wrong__wrong_value__gradient_at_the_start(loss, params, support, query, lr):
    def after(start):
        return loss(_step(start, grad(loss)(start, support), lr), query)

    return torch.stack([g.sum() for g in grad(after)(params).values()]).sum()


def _trained(loss, rule, params, batches):
    return update_rules.unroll(loss, rule, params, batches).params


def meta_step__right__unroll(loss, rule, params, batches, query, meta_optimizer):
    meta_loss = loss(_trained(loss, rule, params, batches), query)
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__right__by_hand(loss, rule, params, batches, query, meta_optimizer):
    state = rule.init(params)
    for batch in batches:
        grads, value = grad_and_value(loss)(params, batch)
        params, state = rule.update(params, grads, state, value)
    meta_loss = loss(params, query)
    meta_loss.backward()
    meta_optimizer.step()
    meta_optimizer.zero_grad()
    return meta_loss


def meta_step__right__autograd_grad(loss, rule, params, batches, query, meta_optimizer):
    meta_loss = loss(unroll__right__create_graph(loss, rule, params, batches)[0], query)
    stars = [star for group in meta_optimizer.param_groups for star in group["params"]]
    for star, gradient in zip(stars, torch.autograd.grad(meta_loss, stars), strict=True):
        star.grad = gradient
    meta_optimizer.step()
    return meta_loss.clone()


def meta_step__wrong__updates_squares__in_place(loss, rule, params, batches, query, meta_optimizer):
    meta_loss = loss(_trained(loss, rule, params, batches), query)
    grads = grad(loss)(params, query)
    with torch.no_grad():
        for name, p in params.items():
            p -= 0.01 * grads[name]
    return meta_loss.detach()


def meta_step__wrong__updates_squares__hands_them_on(loss, rule, params, batches, query, meta_optimizer):
    trained = _trained(loss, rule, params, batches)
    meta_loss = loss(trained, query)
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    params.update({name: p.detach() for name, p in trained.items()})
    return meta_loss.detach()


def meta_step__wrong__updates_squares__an_optimizer_for_them(loss, rule, params, batches, query, meta_optimizer):
    for p in params.values():
        p.requires_grad_()
    meta_loss = loss(_trained(loss, rule, params, batches), query)
    optimizer = torch.optim.SGD(params.values(), lr=0.1)
    optimizer.zero_grad()
    meta_loss.backward()
    optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__loss_on_support__last_batch(loss, rule, params, batches, query, meta_optimizer):
    meta_loss = loss(_trained(loss, rule, params, batches), batches[-1])
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__loss_on_support__all_batches(loss, rule, params, batches, query, meta_optimizer):
    trained = _trained(loss, rule, params, batches)
    meta_loss = sum(loss(trained, batch) for batch in batches) / len(batches)
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__loss_before_training__returned(loss, rule, params, batches, query, meta_optimizer):
    before = loss(params, query)
    meta_step__right__unroll(loss, rule, params, batches, query, meta_optimizer)
    return before


def meta_step__wrong__loss_before_training__detour(loss, rule, params, batches, query, meta_optimizer):
    _trained(loss, rule, params, batches)
    meta_loss = loss(_differentiable(params), query)
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__star_never_moves__no_step(loss, rule, params, batches, query, meta_optimizer):
    meta_loss = loss(_trained(loss, rule, params, batches), query)
    meta_optimizer.zero_grad()
    meta_loss.backward()
    return meta_loss.detach()


def meta_step__wrong__star_never_moves__cleared_too_early(loss, rule, params, batches, query, meta_optimizer):
    meta_loss = loss(_trained(loss, rule, params, batches), query)
    meta_loss.backward()
    meta_optimizer.zero_grad()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__star_never_moves__the_rule_steps_again(loss, rule, params, batches, query, meta_optimizer):
    trace = update_rules.unroll(loss, rule, params, batches)
    grads, meta_loss = grad_and_value(loss)(trace.params, query)
    params, _ = rule.update(trace.params, grads, trace.state, meta_loss)
    return meta_loss.detach()


def meta_step__wrong__star_never_moves__no_backward(loss, rule, params, batches, query, meta_optimizer):
    meta_optimizer.zero_grad()
    meta_loss = loss(_trained(loss, rule, params, batches), query)
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__star_never_moves__detached_leaves(loss, rule, params, batches, query, meta_optimizer):
    trained = _detached(_trained(loss, rule, params, batches))
    meta_loss = loss(trained, query)
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__ignores_meta_optimizer__a_new_one(loss, rule, params, batches, query, meta_optimizer):
    stars = [star for group in meta_optimizer.param_groups for star in group["params"]]
    optimizer = torch.optim.Adam(stars, lr=0.01)
    return meta_step__right__unroll(loss, rule, params, batches, query, optimizer)


def meta_step__wrong__ignores_meta_optimizer__by_hand(loss, rule, params, batches, query, meta_optimizer):
    meta_loss = loss(_trained(loss, rule, params, batches), query)
    (gradient,) = torch.autograd.grad(meta_loss, rule.lr)
    rule.lr.data -= 0.01 * gradient
    return meta_loss.detach()


def meta_step__wrong__climbs__minus_loss(loss, rule, params, batches, query, meta_optimizer):
    meta_loss = loss(_trained(loss, rule, params, batches), query)
    meta_optimizer.zero_grad()
    (-meta_loss).backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__climbs__turned_gradient(loss, rule, params, batches, query, meta_optimizer):
    meta_optimizer.zero_grad()
    meta_loss = loss(_trained(loss, rule, params, batches), query)
    meta_loss.backward()
    for group in meta_optimizer.param_groups:
        for star in group["params"]:
            star.grad = -star.grad
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__gradients_pile_up__never_cleared(loss, rule, params, batches, query, meta_optimizer):
    meta_loss = loss(_trained(loss, rule, params, batches), query)
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__gradients_pile_up__clears_the_squares(loss, rule, params, batches, query, meta_optimizer):
    for p in params.values():
        p.grad = None
    meta_loss = loss(_trained(loss, rule, params, batches), query)
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__gradients_pile_up__adds_by_hand(loss, rule, params, batches, query, meta_optimizer):
    meta_loss = loss(_trained(loss, rule, params, batches), query)
    stars = [star for group in meta_optimizer.param_groups for star in group["params"]]
    for star, gradient in zip(stars, torch.autograd.grad(meta_loss, stars), strict=True):
        star.grad = gradient if star.grad is None else star.grad + gradient
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__gradients_pile_up__inner_backward(loss, rule, params, batches, query, meta_optimizer):
    meta_optimizer.zero_grad()
    params = _differentiable(params)
    state = rule.init(params)
    for batch in batches:
        for p in params.values():
            p.retain_grad()
        value = loss(params, batch)
        value.backward(create_graph=True)
        grads = {name: p.grad for name, p in params.items()}
        params, state = rule.update(params, grads, state, value)
    meta_loss = loss(params, query)
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__loss_after_the_move__trains_again(loss, rule, params, batches, query, meta_optimizer):
    meta_step__right__unroll(loss, rule, params, batches, query, meta_optimizer)
    return loss(_trained(loss, rule, params, batches), query).detach()


def meta_step__wrong__loss_after_the_move__in_a_closure(loss, rule, params, batches, query, meta_optimizer):
    def judged():
        return loss(_trained(loss, rule, params, batches), query)

    meta_optimizer.zero_grad()
    judged().backward()
    meta_optimizer.step()
    return judged()


def meta_step__wrong__trains_on_query__one_batch_more(loss, rule, params, batches, query, meta_optimizer):
    return meta_step__right__unroll(loss, rule, params, [*batches, query], query, meta_optimizer)


def meta_step__wrong__trains_on_query__a_last_update(loss, rule, params, batches, query, meta_optimizer):
    trace = update_rules.unroll(loss, rule, params, batches)
    grads, value = grad_and_value(loss)(trace.params, query)
    params, _ = rule.update(trace.params, grads, trace.state, value)
    meta_optimizer.zero_grad()
    meta_loss = loss(params, query)
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__trains_on_query__instead_of_support(loss, rule, params, batches, query, meta_optimizer):
    return meta_step__right__by_hand(loss, rule, params, [query] * len(batches), query, meta_optimizer)


def meta_step__wrong__first_batch_only__slice(loss, rule, params, batches, query, meta_optimizer):
    return meta_step__right__unroll(loss, rule, params, batches[:1], query, meta_optimizer)


def meta_step__wrong__first_batch_only__one_update(loss, rule, params, batches, query, meta_optimizer):
    grads, value = grad_and_value(loss)(params, batches[0])
    params, _ = rule.update(params, grads, rule.init(params), value)
    meta_loss = loss(params, query)
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__ignores_rule__its_rate_only(loss, rule, params, batches, query, meta_optimizer):
    for batch in batches:
        params = _step(params, grad(loss)(params, batch), rule.lr)
    meta_loss = loss(params, query)
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__ignores_rule__plain_sgd(loss, rule, params, batches, query, meta_optimizer):
    star = meta_optimizer.param_groups[0]["params"][0]
    return meta_step__right__unroll(loss, SGD(star), params, batches, query, meta_optimizer)


def meta_step__wrong__gradient_is_constant__first_order(loss, rule, params, batches, query, meta_optimizer):
    trained = update_rules.unroll(loss, rule, params, batches, first_order=True).params
    meta_loss = loss(trained, query)
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__gradient_is_constant__no_create_graph(loss, rule, params, batches, query, meta_optimizer):
    params = _differentiable(params)
    state = rule.init(params)
    for batch in batches:
        value = loss(params, batch)
        grads = torch.autograd.grad(value, list(params.values()), retain_graph=True)
        params, state = rule.update(params, _named(params, grads), state, value)
    meta_loss = loss(params, query)
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss.detach()


def meta_step__wrong__gradient_lost__detached(loss, rule, params, batches, query, meta_optimizer):
    trained = {name: p.detach() for name, p in _trained(loss, rule, params, batches).items()}
    meta_loss = loss(trained, query)
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss


def meta_step__wrong__gradient_lost__no_grad(loss, rule, params, batches, query, meta_optimizer):
    with torch.no_grad():
        meta_loss = loss(_trained(loss, rule, params, batches), query)
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss


def meta_step__wrong__gradient_lost__number(loss, rule, params, batches, query, meta_optimizer):
    meta_loss = torch.tensor(loss(_trained(loss, rule, params, batches), query).item())
    meta_optimizer.zero_grad()
    meta_loss.backward()
    meta_optimizer.step()
    return meta_loss


def start_gradient__right__formula(support_loss, query_loss, start, lr):
    theta_1 = start - lr * grad(support_loss)(start)
    return grad(query_loss)(theta_1) * (1 - lr * grad(grad(support_loss))(start))


def start_gradient__right__grad_of_all(support_loss, query_loss, start, lr):
    return grad(lambda w: query_loss(w - lr * grad(support_loss)(w)))(start)


def start_gradient__right__autograd(support_loss, query_loss, start, lr):
    theta_0 = start.clone().requires_grad_()
    (slope,) = torch.autograd.grad(support_loss(theta_0), theta_0, create_graph=True)
    return torch.autograd.grad(query_loss(theta_0 - lr * slope), theta_0)[0]


def _theta_1(support_loss, start, lr):
    return start - lr * grad(support_loss)(start)


def start_gradient__wrong__drops_factor__formula(support_loss, query_loss, start, lr):
    return grad(query_loss)(_theta_1(support_loss, start, lr))


def start_gradient__wrong__drops_factor__no_create_graph(support_loss, query_loss, start, lr):
    theta_0 = start.clone().requires_grad_()
    (slope,) = torch.autograd.grad(support_loss(theta_0), theta_0)
    return torch.autograd.grad(query_loss(theta_0 - lr * slope), theta_0)[0]


def start_gradient__wrong__query_curvature__at_theta_1(support_loss, query_loss, start, lr):
    theta_1 = _theta_1(support_loss, start, lr)
    return grad(query_loss)(theta_1) * (1 - lr * grad(grad(query_loss))(theta_1))


def start_gradient__wrong__query_curvature__at_start(support_loss, query_loss, start, lr):
    slope = grad(query_loss)(_theta_1(support_loss, start, lr))
    return slope - lr * slope * torch.func.hessian(query_loss)(start)


def start_gradient__wrong__curvature_at_theta_1__formula(support_loss, query_loss, start, lr):
    theta_1 = _theta_1(support_loss, start, lr)
    return grad(query_loss)(theta_1) * (1 - lr * grad(grad(support_loss))(theta_1))


def start_gradient__wrong__curvature_at_theta_1__overwrites_the_name(support_loss, query_loss, start, lr):
    w = start
    w = w - lr * grad(support_loss)(w)
    factor = 1 - lr * torch.func.hessian(support_loss)(w)
    return factor * grad(query_loss)(w)


def start_gradient__wrong__slope_for_curvature__formula(support_loss, query_loss, start, lr):
    return grad(query_loss)(_theta_1(support_loss, start, lr)) * (1 - lr * grad(support_loss)(start))


def start_gradient__wrong__slope_for_curvature__two_sets(support_loss, query_loss, start, lr):
    slope = grad(support_loss)(start)
    told = grad(query_loss)(start - lr * slope)
    return told - lr * slope * told


def start_gradient__wrong__query_gradient_at_start__formula(support_loss, query_loss, start, lr):
    return grad(query_loss)(start) * (1 - lr * grad(grad(support_loss))(start))


def start_gradient__wrong__query_gradient_at_start__jacobian(support_loss, query_loss, start, lr):
    step = grad(lambda w: w - lr * grad(support_loss)(w))
    return step(start) * grad(query_loss)(start)


def start_gradient__wrong__plus_in_factor__formula(support_loss, query_loss, start, lr):
    return grad(query_loss)(_theta_1(support_loss, start, lr)) * (1 + lr * grad(grad(support_loss))(start))


def start_gradient__wrong__plus_in_factor__expanded(support_loss, query_loss, start, lr):
    told = grad(query_loss)(_theta_1(support_loss, start, lr))
    return told + lr * torch.func.hessian(support_loss)(start) * told


def start_gradient__wrong__forgets_rate__formula(support_loss, query_loss, start, lr):
    return grad(query_loss)(_theta_1(support_loss, start, lr)) * (1 - grad(grad(support_loss))(start))


def start_gradient__wrong__forgets_rate__jacobian(support_loss, query_loss, start, lr):
    step = grad(lambda w: w - grad(support_loss)(w))
    return grad(query_loss)(_theta_1(support_loss, start, lr)) * step(start)


def start_gradient__wrong__loses_the_one__formula(support_loss, query_loss, start, lr):
    return -lr * grad(query_loss)(_theta_1(support_loss, start, lr)) * grad(grad(support_loss))(start)


def start_gradient__wrong__loses_the_one__detached(support_loss, query_loss, start, lr):
    theta_0 = start.clone().requires_grad_()
    (slope,) = torch.autograd.grad(support_loss(theta_0), theta_0, create_graph=True)
    return torch.autograd.grad(query_loss(theta_0.detach() - lr * slope), theta_0)[0]


def start_gradient__wrong__wrong_value__gradient_of_the_rate(support_loss, query_loss, start, lr):
    return -grad(support_loss)(start) * grad(query_loss)(_theta_1(support_loss, start, lr))


def repaired_inner_step__right__create_graph(net, loss, support, lr):
    params = dict(net.named_parameters())
    grads = torch.autograd.grad(loss(net(support.x), support.y), list(params.values()), create_graph=True)
    return {name: p - lr * g for (name, p), g in zip(params.items(), grads, strict=True)}


def repaired_inner_step__right__functional_call(net, loss, support, lr):
    params = dict(net.named_parameters())
    grads = grad(lambda params: loss(functional_call(net, params, (support.x,)), support.y))(params)
    return {name: p - lr * grads[name] for name, p in params.items()}


def repaired_inner_step__right__update_rule(net, loss, support, lr):
    def support_loss(params, examples):
        return loss(functional_call(net, params, (examples.x,)), examples.y)

    return update_rules.unroll(support_loss, SGD(lr), dict(net.named_parameters()), [support]).params


def repaired_inner_step__wrong__changes_the_net__data(net, loss, support, lr):
    loss(net(support.x), support.y).backward()
    for p in net.parameters():
        p.data -= lr * p.grad
    return dict(net.named_parameters())


def repaired_inner_step__wrong__changes_the_net__no_grad(net, loss, support, lr):
    grads = torch.autograd.grad(loss(net(support.x), support.y), list(net.parameters()))
    with torch.no_grad():
        for p, g in zip(net.parameters(), grads, strict=True):
            p.sub_(lr * g)
    return dict(net.named_parameters())


def repaired_inner_step__wrong__changes_the_net__optimizer(net, loss, support, lr):
    optimizer = torch.optim.SGD(net.parameters(), lr=lr.item())
    optimizer.zero_grad()
    loss(net(support.x), support.y).backward()
    optimizer.step()
    return dict(net.named_parameters())


def repaired_inner_step__wrong__nothing_arrives__data_of_a_copy(net, loss, support, lr):
    learner = copy.deepcopy(net)
    loss(learner(support.x), support.y).backward()
    for p in learner.parameters():
        p.data -= lr * p.grad
    return dict(learner.named_parameters())


def repaired_inner_step__wrong__nothing_arrives__no_grad(net, loss, support, lr):
    params = dict(net.named_parameters())
    grads = torch.autograd.grad(loss(net(support.x), support.y), list(params.values()), create_graph=True)
    with torch.no_grad():
        return {name: p - lr * g for (name, p), g in zip(params.items(), grads, strict=True)}


def repaired_inner_step__wrong__nothing_arrives__detached_at_the_end(net, loss, support, lr):
    new = repaired_inner_step__right__functional_call(net, loss, support, lr)
    return {name: p.detach().requires_grad_() for name, p in new.items()}


def repaired_inner_step__wrong__nothing_arrives__optimizer_of_a_copy(net, loss, support, lr):
    learner = copy.deepcopy(net)
    optimizer = torch.optim.SGD(learner.parameters(), lr=lr.item())
    loss(learner(support.x), support.y).backward()
    optimizer.step()
    return dict(learner.named_parameters())


def repaired_inner_step__wrong__nothing_arrives__parameters(net, loss, support, lr):
    params = dict(net.named_parameters())
    grads = torch.autograd.grad(loss(net(support.x), support.y), list(params.values()), create_graph=True)
    return {name: torch.nn.Parameter(p - lr * g) for (name, p), g in zip(params.items(), grads, strict=True)}


def repaired_inner_step__wrong__start_detached__deepcopy(net, loss, support, lr):
    return repaired_inner_step__right__create_graph(copy.deepcopy(net), loss, support, lr)


def repaired_inner_step__wrong__start_detached__data(net, loss, support, lr):
    params = dict(net.named_parameters())
    grads = torch.autograd.grad(loss(net(support.x), support.y), list(params.values()), create_graph=True)
    return {name: p.data - lr * g for (name, p), g in zip(params.items(), grads, strict=True)}


def repaired_inner_step__wrong__start_detached__detached_params(net, loss, support, lr):
    params = {name: p.detach() for name, p in net.named_parameters()}
    grads = grad(lambda params: loss(functional_call(net, params, (support.x,)), support.y))(params)
    return {name: p - lr * grads[name] for name, p in params.items()}


def repaired_inner_step__wrong__gradient_is_constant__no_create_graph(net, loss, support, lr):
    names, params = zip(*net.named_parameters(), strict=True)
    grads = torch.autograd.grad(loss(net(support.x), support.y), params)
    return {name: p - lr * g for name, p, g in zip(names, params, grads, strict=True)}


def repaired_inner_step__wrong__gradient_is_constant__backward_and_grad(net, loss, support, lr):
    loss(net(support.x), support.y).backward()
    new = {name: p - lr * p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad()
    return new


def repaired_inner_step__wrong__gradient_is_constant__detached(net, loss, support, lr):
    params = dict(net.named_parameters())
    grads = grad(lambda params: loss(functional_call(net, params, (support.x,)), support.y))(params)
    return {name: p - lr * grads[name].detach() for name, p in params.items()}


def repaired_inner_step__wrong__rate_taken_out__item(net, loss, support, lr):
    return repaired_inner_step__right__create_graph(net, loss, support, lr.item())


def repaired_inner_step__wrong__rate_taken_out__detached(net, loss, support, lr):
    return repaired_inner_step__right__functional_call(net, loss, support, lr.detach())


def repaired_inner_step__wrong__leaves_gradients_behind__backward(net, loss, support, lr):
    loss(net(support.x), support.y).backward(create_graph=True)
    return {name: p - lr * p.grad for name, p in net.named_parameters()}


def repaired_inner_step__wrong__leaves_gradients_behind__a_list(net, loss, support, lr):
    loss(net(support.x), support.y).backward(create_graph=True)
    grads = [p.grad for p in net.parameters()]
    return {name: p - lr * g for (name, p), g in zip(net.named_parameters(), grads, strict=True)}


def repaired_inner_step__wrong__changes_the_net__zero_grad_first(net, loss, support, lr):
    net.zero_grad()
    params = dict(net.named_parameters())
    grads = torch.autograd.grad(loss(net(support.x), support.y), list(params.values()), create_graph=True)
    return {name: p - lr * g for (name, p), g in zip(params.items(), grads, strict=True)}


def repaired_inner_step__wrong__changes_the_net__grad_cleared_after(net, loss, support, lr):
    loss(net(support.x), support.y).backward(create_graph=True)
    new = {name: p - lr * p.grad for name, p in net.named_parameters()}
    for p in net.parameters():
        p.grad = None
    return new


def repaired_inner_step__wrong__changes_the_net__eval_left_on(net, loss, support, lr):
    net.eval()
    params = dict(net.named_parameters())
    grads = torch.autograd.grad(loss(net(support.x), support.y), list(params.values()), create_graph=True)
    return {name: p - lr * g for (name, p), g in zip(params.items(), grads, strict=True)}


def repaired_inner_step__wrong__wrong_value__one_loss_written_in(net, loss, support, lr):
    params = dict(net.named_parameters())
    value = (net(support.x) - support.y).square().mean()
    grads = torch.autograd.grad(value, list(params.values()), create_graph=True)
    return {name: p - lr * g for (name, p), g in zip(params.items(), grads, strict=True)}
