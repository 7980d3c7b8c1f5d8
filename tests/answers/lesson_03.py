import math

import torch
import torch.nn.functional as F

from metalearn_course import Examples, Task


def _four_angles(images):
    return torch.cat([images.rot90(k, (2, 3)) for k in range(4)])


def split_classes__right__permutation(images, test_classes, generator):
    order = torch.randperm(len(images), generator=generator)
    return _four_angles(images[order[test_classes:]]), _four_angles(images[order[:test_classes]])


def split_classes__right__loop_over_classes(images, test_classes, generator):
    chosen = set(torch.randperm(len(images), generator=generator)[:test_classes].tolist())
    train, test = [], []
    for number, drawings in enumerate(images):
        side = test if number in chosen else train
        for angle in range(4):
            side.append(torch.stack([drawing.rot90(-angle) for drawing in drawings]))
    return torch.stack(train), torch.stack(test)


def split_classes__right__mask(images, test_classes, generator):
    is_test = torch.rand(len(images), generator=generator).argsort().argsort() < test_classes
    return tuple(
        torch.stack([torch.rot90(part, k, dims=(-2, -1)) for k in range(4)], dim=1).flatten(0, 1)
        for part in (images[~is_test], images[is_test])
    )


def split_classes__wrong__splits_images__first_drawings(images, test_classes, generator):
    held_out = max(1, round(images.shape[1] * test_classes / len(images)))
    order = torch.randperm(images.shape[1], generator=generator)
    return _four_angles(images[:, order[held_out:]]), _four_angles(images[:, order[:held_out]])


def split_classes__wrong__splits_images__flat_permutation(images, test_classes, generator):
    flat = images.flatten(0, 1)
    flat = flat[torch.randperm(len(flat), generator=generator)]
    mixed = flat.unflatten(0, images.shape[:2])
    return _four_angles(mixed[test_classes:]), _four_angles(mixed[:test_classes])


def split_classes__wrong__splits_images__a_share_of_every_class(images, test_classes, generator):
    held_out = test_classes * images.shape[1] // len(images)
    train, test = [], []
    for drawings in images:
        order = torch.randperm(len(drawings), generator=generator)
        train.append(drawings[order[held_out:]])
        test.append(drawings[order[:held_out]])
    return torch.stack(train), torch.stack(test)


def split_classes__wrong__rotates_first__permutation(images, test_classes, generator):
    rotated = _four_angles(images)
    order = torch.randperm(len(rotated), generator=generator)
    return rotated[order[4 * test_classes :]], rotated[order[: 4 * test_classes]]


def split_classes__wrong__rotates_first__loop(images, test_classes, generator):
    classes = []
    for drawings in images:
        for angle in range(4):
            classes.append(drawings.rot90(angle, (1, 2)))
    train = []
    while len(train) < 4 * (len(images) - test_classes):
        train.append(classes.pop(int(torch.randint(len(classes), (), generator=generator))))
    return torch.stack(train), torch.stack(classes)


def split_classes__wrong__mixes_angles__more_drawings(images, test_classes, generator):
    order = torch.randperm(len(images), generator=generator)
    rotated = torch.cat([images.rot90(k, (2, 3)) for k in range(4)], dim=1)
    return rotated[order[test_classes:]], rotated[order[:test_classes]]


def split_classes__wrong__mixes_angles__an_angle_per_drawing(images, test_classes, generator):
    order = torch.randperm(len(images), generator=generator)

    def turned(part):
        part = part.repeat(4, 1, 1, 1)
        for drawings in part:
            for i in range(len(drawings)):
                drawings[i] = drawings[i].rot90(int(torch.randint(4, (), generator=generator)))
        return part

    return turned(images[order[test_classes:]]), turned(images[order[:test_classes]])


def split_classes__wrong__ignores_generator__last_classes(images, test_classes, generator):
    return _four_angles(images[:-test_classes]), _four_angles(images[-test_classes:])


def split_classes__wrong__ignores_generator__global_state(images, test_classes, generator):
    order = torch.randperm(len(images))
    return _four_angles(images[order[test_classes:]]), _four_angles(images[order[:test_classes]])


def split_classes__wrong__wrong_value__mirrored(images, test_classes, generator):
    order = torch.randperm(len(images), generator=generator)
    parts = images[order[test_classes:]], images[order[:test_classes]]
    return tuple(torch.cat([part, part.flip(2), part.flip(3), part.flip(2, 3)]) for part in parts)


def split_classes__wrong__ignores_generator__last_classes_shuffled(images, test_classes, generator):
    train, test = _four_angles(images[:-test_classes]), _four_angles(images[-test_classes:])
    return tuple(part[torch.randperm(len(part), generator=generator)] for part in (train, test))


def split_classes__wrong__wrong_value__test_classes_drawn_twice(images, test_classes, generator):
    chosen = torch.randint(len(images), (test_classes,), generator=generator)
    others = [i for i in torch.randperm(len(images), generator=generator).tolist() if i not in chosen.tolist()]
    return _four_angles(images[others[: len(images) - test_classes]]), _four_angles(images[chosen])


def draw_episode__right__class_by_class(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images), generator=generator)[:ways]
    support_x, support_y, query_x, query_y = [], [], [], []
    for label, klass in enumerate(classes.tolist()):
        chosen = torch.randperm(images.shape[1], generator=generator)[: shots + queries]
        support_x.append(images[klass, chosen[:shots]])
        query_x.append(images[klass, chosen[shots:]])
        support_y += [label] * shots
        query_y += [label] * queries
    support = Examples(torch.cat(support_x), torch.tensor(support_y))
    return Task(support, Examples(torch.cat(query_x), torch.tensor(query_y)), classes)


def draw_episode__right__whole_tensors(images, ways, shots, queries, generator):
    classes = torch.rand(len(images), generator=generator).topk(ways).indices
    order = torch.rand(ways, images.shape[1], generator=generator).argsort(dim=1)[:, : shots + queries]
    x = images[classes[:, None], order]
    y = torch.arange(ways)[:, None].expand(ways, shots + queries)
    support = Examples(x[:, :shots].flatten(0, 1), y[:, :shots].flatten())
    query = Examples(x[:, shots:].flatten(0, 1), y[:, shots:].flatten())
    return Task(support, query, classes)


def draw_episode__right__shuffled_sets(images, ways, shots, queries, generator):
    task = draw_episode__right__class_by_class(images, ways, shots, queries, generator)
    sets = []
    for x, y in (task.support, task.query):
        order = torch.randperm(len(y), generator=generator)
        sets.append(Examples(x[order], y[order]))
    return Task(*sets, task.classes)


def draw_episode__wrong__same_examples_for_every_class__one_permutation(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images), generator=generator)[:ways]
    chosen = torch.randperm(images.shape[1], generator=generator)
    x = images[classes]
    support_x, query_x = x[:, chosen[:shots]], x[:, chosen[shots : shots + queries]]
    label = torch.arange(ways)
    return Task(
        Examples(support_x.flatten(0, 1), label.repeat_interleave(shots)),
        Examples(query_x.flatten(0, 1), label.repeat_interleave(queries)),
        classes,
    )


def _from_order(images, classes, order, shots, labels=None):
    """The episode of these classes and, a row a class, these examples."""
    x = images[classes[:, None], order]
    y = (torch.arange(len(classes)) if labels is None else labels)[:, None].expand(order.shape)
    support = Examples(x[:, :shots].flatten(0, 1), y[:, :shots].flatten())
    return Task(support, Examples(x[:, shots:].flatten(0, 1), y[:, shots:].flatten()), classes)


def _order(images, ways, count, generator):
    return torch.rand(ways, images.shape[1], generator=generator).argsort(1)[:, :count]


def draw_episode__wrong__labels_follow_class_index__global_ids(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images), generator=generator)[:ways]
    order = _order(images, ways, shots + queries, generator)
    return _from_order(images, classes, order, shots, labels=classes)


def draw_episode__wrong__labels_follow_class_index__global_ids_in_a_loop(images, ways, shots, queries, generator):
    support, query = [], []
    classes = torch.randperm(len(images), generator=generator)[:ways]
    for klass in classes:
        order = torch.randperm(images.shape[1], generator=generator)
        support += [(images[klass, i], klass) for i in order[:shots]]
        query += [(images[klass, i], klass) for i in order[shots : shots + queries]]
    sets = [Examples(torch.stack([x for x, _ in s]), torch.stack([y for _, y in s])) for s in (support, query)]
    return Task(*sets, classes)


def draw_episode__wrong__labels_follow_class_index__sorted(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images), generator=generator)[:ways].sort().values
    return _from_order(images, classes, _order(images, ways, shots + queries, generator), shots)


def draw_episode__wrong__labels_follow_class_index__mask(images, ways, shots, queries, generator):
    rank = torch.rand(len(images), generator=generator).argsort().argsort()
    classes = (rank < ways).nonzero().flatten()
    return _from_order(images, classes, _order(images, ways, shots + queries, generator), shots)


def draw_episode__wrong__labels_misaligned__repeat(images, ways, shots, queries, generator):
    task = draw_episode__right__class_by_class(images, ways, shots, queries, generator)
    label = torch.arange(ways)
    return Task(
        Examples(task.support.x, label.repeat(shots)), Examples(task.query.x, label.repeat(queries)), task.classes
    )


def draw_episode__wrong__labels_misaligned__images_shuffled_alone(images, ways, shots, queries, generator):
    task = draw_episode__right__whole_tensors(images, ways, shots, queries, generator)
    order = torch.randperm(ways * queries, generator=generator)
    return task._replace(query=Examples(task.query.x[order], task.query.y))


def draw_episode__wrong__classes_drawn_with_replacement__randint(images, ways, shots, queries, generator):
    classes = torch.randint(len(images), (ways,), generator=generator)
    return _from_order(images, classes, _order(images, ways, shots + queries, generator), shots)


def draw_episode__wrong__classes_drawn_with_replacement__one_at_a_time(images, ways, shots, queries, generator):
    xs, ids = [], []
    for _ in range(ways):
        klass = int(torch.rand((), generator=generator) * len(images))
        order = torch.randperm(images.shape[1], generator=generator)[: shots + queries]
        xs.append(images[klass, order])
        ids.append(klass)
    label = torch.arange(ways)
    support = Examples(torch.cat([x[:shots] for x in xs]), label.repeat_interleave(shots))
    query = Examples(torch.cat([x[shots:] for x in xs]), label.repeat_interleave(queries))
    return Task(support, query, torch.tensor(ids))


def draw_episode__wrong__examples_drawn_with_replacement__randint(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images), generator=generator)[:ways]
    order = torch.randint(images.shape[1], (ways, shots + queries), generator=generator)
    return _from_order(images, classes, order, shots)


def draw_episode__wrong__examples_drawn_with_replacement__multinomial(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images), generator=generator)[:ways]
    weights = torch.ones(images.shape[1])
    rows = [torch.multinomial(weights, shots + queries, replacement=True, generator=generator) for _ in range(ways)]
    return _from_order(images, classes, torch.stack(rows), shots)


def draw_episode__wrong__query_repeats_support__two_permutations(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images), generator=generator)[:ways]
    support, query = _order(images, ways, shots, generator), _order(images, ways, queries, generator)
    return _from_order(images, classes, torch.cat([support, query], dim=1), shots)


def draw_episode__wrong__query_repeats_support__first_of_one_permutation(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images), generator=generator)[:ways]
    support_x, query_x = [], []
    for klass in classes:
        order = torch.randperm(images.shape[1], generator=generator)
        support_x.append(images[klass][order[:shots]])
        query_x.append(images[klass][order[:queries]])
    label = torch.arange(ways)
    return Task(
        Examples(torch.cat(support_x), label.repeat_interleave(shots)),
        Examples(torch.cat(query_x), label.repeat_interleave(queries)),
        classes,
    )


def draw_episode__wrong__same_examples_always__slices(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images), generator=generator)[:ways]
    label = torch.arange(ways)
    return Task(
        Examples(images[classes, :shots].flatten(0, 1), label.repeat_interleave(shots)),
        Examples(images[classes, shots : shots + queries].flatten(0, 1), label.repeat_interleave(queries)),
        classes,
    )


def draw_episode__wrong__same_examples_always__queries_only_drawn(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images), generator=generator)[:ways]
    fixed = torch.arange(shots).expand(ways, shots)
    rest = shots + torch.rand(ways, images.shape[1] - shots, generator=generator).argsort(1)[:, :queries]
    return _from_order(images, classes, torch.cat([fixed, rest], dim=1), shots)


def draw_episode__wrong__same_examples_for_every_class__expanded(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images), generator=generator)[:ways]
    order = _order(images, 1, shots + queries, generator).expand(ways, -1)
    return _from_order(images, classes, order, shots)


def draw_episode__wrong__same_examples_for_every_class__seeded_in_the_loop(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images), generator=generator)[:ways]
    seed = int(torch.randint(1000, (), generator=generator))
    rows = []
    for _ in range(ways):
        again = torch.Generator().manual_seed(seed)
        rows.append(torch.randperm(images.shape[1], generator=again)[: shots + queries])
    return _from_order(images, classes, torch.stack(rows), shots)


def draw_episode__wrong__same_examples_for_every_class__shuffled_sets(images, ways, shots, queries, generator):
    task = draw_episode__wrong__same_examples_for_every_class__one_permutation(images, ways, shots, queries, generator)
    x, y = task.support
    order = torch.randperm(len(y), generator=generator)
    return task._replace(support=Examples(x[order], y[order]))


def draw_episode__wrong__same_examples_for_every_class__support_only(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images), generator=generator)[:ways]
    order = torch.randperm(images.shape[1], generator=generator)
    rest = [order[shots:][torch.randperm(len(order) - shots, generator=generator)[:queries]] for _ in range(ways)]
    support = order[:shots].expand(ways, -1)
    return _from_order(images, classes, torch.cat([support, torch.stack(rest)], dim=1), shots)


def draw_episode__wrong__ignores_generator__global_state(images, ways, shots, queries, generator):
    classes = torch.randperm(len(images))[:ways]
    order = torch.stack([torch.randperm(images.shape[1])[: shots + queries] for _ in range(ways)])
    return _from_order(images, classes, order, shots)


def draw_episode__wrong__ignores_generator__seeded_inside(images, ways, shots, queries, generator):
    return draw_episode__right__whole_tensors(images, ways, shots, queries, torch.Generator().manual_seed(42))


def draw_episode__wrong__wrong_shape__three_queries(images, ways, shots, queries, generator):
    return draw_episode__right__class_by_class(images, ways, shots, 3, generator)


def episode_loss__right__line_by_line(meta_learner, draw, generator):
    task = draw(generator)
    adapted = meta_learner.adapt(task.support)
    logits = meta_learner.predict(adapted, task.query.x)
    return F.cross_entropy(logits, task.query.y)


def episode_loss__right__log_probabilities_by_hand(meta_learner, draw, generator):
    support, query, _ = draw(generator)
    log_p = meta_learner.predict(meta_learner.adapt(support), query.x).log_softmax(dim=-1)
    return -torch.stack([row[label] for row, label in zip(log_p, query.y, strict=True)]).mean()


def episode_loss__right__the_objective(meta_learner, draw, generator):
    return meta_learner.objective(draw(generator))


def episode_loss__right__a_stack_of_one(meta_learner, draw, generator):
    (sx, sy), (qx, qy), classes = draw(generator)
    stack = Task(Examples(sx[None], sy[None]), Examples(qx[None], qy[None]), classes[None])
    return meta_learner(stack).mean()


def _cat(a, b):
    return Examples(torch.cat([a.x, b.x]), torch.cat([a.y, b.y]))


def episode_loss__wrong__loss_on_support__support_only(meta_learner, draw, generator):
    support = draw(generator).support
    logits = meta_learner.predict(meta_learner.adapt(support), support.x)
    return F.cross_entropy(logits, support.y)


def episode_loss__wrong__loss_on_support__every_example(meta_learner, draw, generator):
    task = draw(generator)
    x, y = _cat(task.support, task.query)
    return F.cross_entropy(meta_learner.predict(meta_learner.adapt(task.support), x), y)


def episode_loss__wrong__query_inside_adapt__query(meta_learner, draw, generator):
    task = draw(generator)
    adapted = meta_learner.adapt(task.query)
    return F.cross_entropy(meta_learner.predict(adapted, task.query.x), task.query.y)


def episode_loss__wrong__query_inside_adapt__all_examples(meta_learner, draw, generator):
    task = draw(generator)
    adapted = meta_learner.adapt(_cat(task.support, task.query))
    return F.cross_entropy(meta_learner.predict(adapted, task.query.x), task.query.y)


def episode_loss__wrong__query_inside_adapt__the_sets_swapped(meta_learner, draw, generator):
    query, support, _ = draw(generator)
    return F.cross_entropy(meta_learner.predict(meta_learner.adapt(support), query.x), query.y)


def episode_loss__wrong__global_labels__of_the_query(meta_learner, draw, generator):
    task = draw(generator)
    logits = meta_learner.predict(meta_learner.adapt(task.support), task.query.x)
    return F.cross_entropy(logits, task.classes[task.query.y])


def episode_loss__wrong__global_labels__everywhere(meta_learner, draw, generator):
    support, query, classes = draw(generator)
    support, query = Examples(support.x, classes[support.y]), Examples(query.x, classes[query.y])
    return F.cross_entropy(meta_learner.predict(meta_learner.adapt(support), query.x), query.y)


def episode_loss__wrong__draws_twice__a_draw_a_set(meta_learner, draw, generator):
    support, query = draw(generator).support, draw(generator).query
    return F.cross_entropy(meta_learner.predict(meta_learner.adapt(support), query.x), query.y)


def episode_loss__wrong__draws_twice__one_expression(meta_learner, draw, generator):
    return F.cross_entropy(
        meta_learner.predict(meta_learner.adapt(draw(generator).support), draw(generator).query.x),
        draw(generator).query.y,
    )


def episode_loss__wrong__cuts_gradient__no_grad(meta_learner, draw, generator):
    with torch.no_grad():
        return episode_loss__right__line_by_line(meta_learner, draw, generator)


def episode_loss__wrong__cuts_gradient__adapt_as_preprocessing(meta_learner, draw, generator):
    task = draw(generator)
    with torch.no_grad():
        adapted = meta_learner.adapt(task.support)
    return F.cross_entropy(meta_learner.predict(adapted, task.query.x), task.query.y)


def episode_loss__wrong__summed_loss__reduction(meta_learner, draw, generator):
    task = draw(generator)
    logits = meta_learner.predict(meta_learner.adapt(task.support), task.query.x)
    return F.cross_entropy(logits, task.query.y, reduction="sum")


def episode_loss__wrong__summed_loss__query_by_query(meta_learner, draw, generator):
    support, query, _ = draw(generator)
    log_p = meta_learner.predict(meta_learner.adapt(support), query.x).log_softmax(dim=-1)
    loss = torch.tensor(0.0)
    for row, label in zip(log_p, query.y, strict=True):
        loss = loss - row[label]
    return loss


def episode_loss__wrong__softmax_before_loss__softmax(meta_learner, draw, generator):
    task = draw(generator)
    logits = meta_learner.predict(meta_learner.adapt(task.support), task.query.x)
    return F.cross_entropy(logits.softmax(dim=-1), task.query.y)


def episode_loss__wrong__softmax_before_loss__by_hand(meta_learner, draw, generator):
    support, query, _ = draw(generator)
    weights = meta_learner.predict(meta_learner.adapt(support), query.x).exp()
    p = weights / weights.sum(1, keepdim=True)
    log_p = p - p.logsumexp(1, keepdim=True)
    return -log_p.gather(1, query.y[:, None]).mean()


def episode_loss__wrong__ignores_generator__one_of_its_own(meta_learner, draw, generator):
    task = draw(torch.Generator().manual_seed(0))
    return F.cross_entropy(meta_learner.predict(meta_learner.adapt(task.support), task.query.x), task.query.y)


def episode_loss__wrong__ignores_generator__a_copy(meta_learner, draw, generator):
    task = draw(torch.Generator().set_state(generator.get_state()))
    return F.cross_entropy(meta_learner.predict(meta_learner.adapt(task.support), task.query.x), task.query.y)


def confidence_interval__right__standard_error(correct):
    rates = correct.mean(dim=1)
    return rates.mean(), 1.96 * rates.std() / math.sqrt(len(rates))


def confidence_interval__right__by_hand(correct):
    n, queries = correct.shape
    rates = correct.sum(1) / queries
    mean = rates.sum() / n
    variance = (rates - mean).square().sum() / (n - 1)
    return mean, 1.96 * (variance / n).sqrt()


def confidence_interval__right__bootstrap(correct):
    rates = correct.mean(1)
    means = rates[torch.randint(len(rates), (4000, len(rates)))].mean(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975]))
    return rates.mean(), (high - low) / 2


def confidence_interval__wrong__counts_queries__flat(correct):
    answers = correct.flatten()
    return answers.mean(), 1.96 * answers.std() / math.sqrt(len(answers))


def confidence_interval__wrong__counts_queries__binomial(correct):
    p = correct.mean()
    return p, 1.96 * torch.sqrt(p * (1 - p) / correct.numel())


def confidence_interval__wrong__counts_queries__sd_over_episodes(correct):
    rates = correct.mean(1)
    return rates.mean(), 1.96 * rates.std() / correct.numel() ** 0.5


def confidence_interval__wrong__no_sqrt_n__standard_deviation(correct):
    rates = correct.mean(1)
    return rates.mean(), 1.96 * rates.std()


def confidence_interval__wrong__no_sqrt_n__pooled_standard_deviation(correct):
    return correct.mean(), 1.96 * correct.std()


def confidence_interval__wrong__no_sqrt_n__range_of_episodes(correct):
    rates = correct.mean(1)
    low, high = rates.quantile(0.025), rates.quantile(0.975)
    return rates.mean(), (high - low) / 2


def confidence_interval__wrong__one_standard_error__plain(correct):
    rates = correct.mean(1)
    return rates.mean(), rates.std() / len(rates) ** 0.5


def confidence_interval__wrong__one_standard_error__variance(correct):
    rates = correct.mean(1)
    return rates.mean(), torch.sqrt(rates.var(unbiased=False) / len(rates))


def confidence_interval__wrong__averages_over_episodes__mean_0(correct):
    rates = correct.mean(0)
    return rates.mean(), 1.96 * rates.std() / math.sqrt(len(rates))


def confidence_interval__wrong__averages_over_episodes__by_hand(correct):
    episodes = len(correct)
    rates = correct.sum(0) / episodes
    mean = correct.mean()
    return mean, 1.96 * ((rates - mean).square().mean() / episodes).sqrt()


def confidence_interval__wrong__averages_over_episodes__bootstrap(correct):
    rates = correct.T.mean(1)
    means = rates[torch.randint(len(rates), (1000, len(rates)))].mean(1)
    return rates.mean(), 1.96 * means.std()


def confidence_interval__wrong__wrong_value__variance(correct):
    rates = correct.mean(1)
    return rates.mean(), 1.96 * rates.var() / len(rates) ** 0.5
