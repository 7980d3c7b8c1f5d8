import itertools
import math
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F


def _one_hot(y, ways):
    return F.one_hot(y, ways).float()


def prototypes__right__one_hot(x, y, ways):
    labels = F.one_hot(y, ways).to(x)
    return torch.einsum("nw,nd->wd", labels, x) / labels.sum(0).unsqueeze(1)


def prototypes__right__added_at_the_index(x, y, ways):
    sums = torch.zeros(ways, x.shape[1]).index_add(0, y, x)
    counts = torch.zeros(ways).index_add(0, y, torch.ones(len(y)))
    return sums / counts[:, None]


def prototypes__right__class_by_class(x, y, ways):
    rows = []
    for c in range(ways):
        mine = (y == c).float()
        rows.append((mine[:, None] * x).sum(0) / mine.sum())
    return torch.stack(rows)


def prototypes__right__weights_that_sum_to_one(x, y, ways):
    mine = (torch.arange(ways)[:, None] == y).float()
    return mine / mine.sum(1, keepdim=True) @ x


def prototypes__wrong__assumes_sorted_labels__reshape(x, y, ways):
    return x.reshape(ways, len(x) // ways, x.shape[1]).mean(1)


def prototypes__wrong__assumes_sorted_labels__chunk(x, y, ways):
    return torch.stack([part.mean(0) for part in x.chunk(ways)])


def prototypes__wrong__assumes_sorted_labels__strides(x, y, ways):
    return torch.stack([x[c::ways].mean(0) for c in range(ways)])


def prototypes__wrong__rows_by_appearance__dict(x, y, ways):
    return torch.stack([x[y == label].mean(0) for label in dict.fromkeys(y.tolist())])


def prototypes__wrong__rows_by_appearance__collected(x, y, ways):
    members = {}
    for one, label in zip(x, y, strict=True):
        members.setdefault(int(label), []).append(one)
    return torch.stack([torch.stack(rows).mean(0) for rows in members.values()])


def prototypes__wrong__divides_by_all_examples__len(x, y, ways):
    return _one_hot(y, ways).T @ x / len(x)


def prototypes__wrong__divides_by_all_examples__mean_of_masked(x, y, ways):
    return torch.stack([torch.where((y == c)[:, None], x, torch.zeros_like(x)).mean(0) for c in range(ways)])


def prototypes__wrong__divides_by_all_examples__total_of_labels(x, y, ways):
    labels = _one_hot(y, ways)
    return labels.T @ x / labels.sum()


def prototypes__wrong__sums_examples__product(x, y, ways):
    return _one_hot(y, ways).T @ x


def prototypes__wrong__sums_examples__index_add(x, y, ways):
    return torch.zeros(ways, x.shape[1]).index_add(0, y, x)


def prototypes__wrong__same_shots_for_all__share(x, y, ways):
    shots = len(x) / ways
    return _one_hot(y, ways).T @ x / shots


def prototypes__wrong__same_shots_for_all__sorted_and_reshaped(x, y, ways):
    return x[y.argsort()].reshape(ways, -1, x.shape[1]).mean(1)


def prototypes__wrong__same_shots_for_all__shots_of_class_0(x, y, ways):
    return torch.zeros(ways, x.shape[1]).index_add(0, y, x) / (y == 0).sum()


def prototypes__wrong__cuts_gradient__no_grad(x, y, ways):
    with torch.no_grad():
        return prototypes__right__one_hot(x, y, ways)


def prototypes__wrong__cuts_gradient__numbers(x, y, ways):
    rows = [[x[i].tolist() for i in range(len(y)) if y[i] == c] for c in range(ways)]
    return torch.tensor([[sum(column) / len(column) for column in zip(*row, strict=True)] for row in rows])


def prototypes__wrong__breaks_under_vmap__mask(x, y, ways):
    return torch.stack([x[y == c].mean(dim=0) for c in range(ways)])


def prototypes__wrong__breaks_under_vmap__adds_to_zeros(x, y, ways):
    sums, counts = torch.zeros(ways, x.shape[1]), torch.zeros(ways, 1)
    for one, label in zip(x, y, strict=True):
        sums[label] += one
        counts[label] += 1
    return sums / counts


def prototypes__wrong__breaks_under_vmap__one_hot_without_ways(x, y, ways):
    labels = F.one_hot(y).float()
    return labels.T @ x / labels.sum(0)[:, None]


def prototypes__wrong__labels_not_float__whole_numbers(x, y, ways):
    return F.one_hot(y, ways).T @ x


def prototypes__wrong__labels_not_float__true_and_false(x, y, ways):
    mine = y == torch.arange(ways)[:, None]
    return mine @ x / mine.sum(1, keepdim=True)


def prototypes__wrong__labels_not_float__einsum(x, y, ways):
    labels = F.one_hot(y, ways)
    return torch.einsum("nw,nd->wd", labels, x) / labels.sum(0)[:, None]


def prototypes__wrong__raised__not_transposed(x, y, ways):
    return _one_hot(y, ways) @ x


def prototypes__wrong__raised__three_ways_written_in(x, y, ways):
    labels = F.one_hot(y, 3).float()
    return labels.T @ x / labels.sum(0)[:, None]


def _differences(x, prototypes):
    return x[:, None] - prototypes[None]


def prototype_logits__right__differences(x, prototypes):
    return -_differences(x, prototypes).pow(2).sum(dim=2)


def prototype_logits__right__cdist(x, prototypes):
    return -(torch.cdist(x, prototypes) ** 2)


def prototype_logits__right__multiplied_out(x, prototypes):
    return 2 * x @ prototypes.T - prototypes.square().sum(1) - x.square().sum(1, keepdim=True)


def prototype_logits__right__what_the_softmax_sees(x, prototypes):
    return x @ (2 * prototypes).T - (prototypes * prototypes).sum(-1)


def prototype_logits__right__log_probabilities(x, prototypes):
    rows = [-((one - prototypes) ** 2).sum(-1) for one in x]
    return torch.log_softmax(torch.stack(rows), dim=-1)


def prototype_logits__wrong__missing_minus__squares(x, prototypes):
    return _differences(x, prototypes).square().sum(-1)


def prototype_logits__wrong__missing_minus__distance(x, prototypes):
    return torch.cdist(x, prototypes)


def prototype_logits__wrong__missing_minus__squared_away(x, prototypes):
    return (-torch.cdist(x, prototypes)) ** 2


def prototype_logits__wrong__unsquared_distance__cdist(x, prototypes):
    return -torch.cdist(x, prototypes)


def prototype_logits__wrong__unsquared_distance__norm(x, prototypes):
    return -torch.linalg.norm(_differences(x, prototypes), dim=-1)


def prototype_logits__wrong__unsquared_distance__root(x, prototypes):
    return -torch.stack([((x - c) ** 2).sum(1).sqrt() for c in prototypes], dim=1)


def prototype_logits__wrong__unsquared_distance__pairwise(x, prototypes):
    return -F.pairwise_distance(x[:, None], prototypes[None])


def prototype_logits__wrong__unsquared_distance__city_block(x, prototypes):
    return -_differences(x, prototypes).abs().sum(-1)


def prototype_logits__wrong__cosine_instead__normalized(x, prototypes):
    return F.normalize(x, dim=-1) @ F.normalize(prototypes, dim=-1).T


def prototype_logits__wrong__cosine_instead__sharpened(x, prototypes):
    return 10 * F.cosine_similarity(x[:, None], prototypes[None], dim=-1)


def prototype_logits__wrong__forgets_factor_two__product(x, prototypes):
    return x @ prototypes.T - prototypes.square().sum(1)


def prototype_logits__wrong__forgets_factor_two__all_three_terms(x, prototypes):
    lengths = (x**2).sum(1, keepdim=True) + (prototypes**2).sum(1)
    return torch.einsum("md,wd->mw", x, prototypes) - lengths


def prototype_logits__wrong__dot_product__product(x, prototypes):
    return x @ prototypes.T


def prototype_logits__wrong__dot_product__twice(x, prototypes):
    return 2 * torch.einsum("md,wd->mw", x, prototypes)


def prototype_logits__wrong__averages_features__mean(x, prototypes):
    return -_differences(x, prototypes).square().mean(-1)


def prototype_logits__wrong__averages_features__mse(x, prototypes):
    return -torch.stack([torch.stack([F.mse_loss(one, c) for c in prototypes]) for one in x])


def prototype_logits__wrong__returns_probabilities__softmax(x, prototypes):
    return (-_differences(x, prototypes).square().sum(-1)).softmax(-1)


def prototype_logits__wrong__returns_probabilities__by_hand(x, prototypes):
    weights = torch.exp(-(torch.cdist(x, prototypes) ** 2))
    return weights / weights.sum(1, keepdim=True)


def prototype_logits__wrong__classes_by_queries__cdist(x, prototypes):
    return -(torch.cdist(prototypes, x) ** 2)


def prototype_logits__wrong__classes_by_queries__class_by_class(x, prototypes):
    return torch.stack([-(x - c).square().sum(1) for c in prototypes])


def prototype_logits__wrong__cuts_gradient__no_grad(x, prototypes):
    with torch.no_grad():
        return -_differences(x, prototypes).square().sum(-1)


def prototype_logits__wrong__cuts_gradient__detached_prototypes(x, prototypes):
    return -_differences(x, prototypes.detach()).square().sum(-1)


def prototype_logits__wrong__breaks_under_vmap__fills_zeros(x, prototypes):
    logits = torch.zeros(len(x), len(prototypes))
    for c, prototype in enumerate(prototypes):
        logits[:, c] = -(x - prototype).square().sum(1)
    return logits


def prototype_logits__wrong__breaks_under_vmap__two_loops(x, prototypes):
    logits = torch.empty(len(x), len(prototypes))
    for i in range(len(x)):
        for c in range(len(prototypes)):
            logits[i, c] = -torch.sum((x[i] - prototypes[c]) ** 2)
    return logits


def _cosines(x, support_x):
    return F.cosine_similarity(x[:, None], support_x[None], dim=-1)


def _attention(x, support_x, scale):
    return (scale * _cosines(x, support_x)).softmax(-1)


def _class_means(values, y, ways):
    labels = _one_hot(y, ways)
    return values @ labels / labels.sum(0)


def matching_prediction__right__attention(x, support_x, support_y, ways, scale):
    return _attention(x, support_x, scale) @ torch.eye(ways)[support_y]


def matching_prediction__right__by_hand(x, support_x, support_y, ways, scale):
    lengths = x.norm(dim=1, keepdim=True) * support_x.norm(dim=1)
    weights = torch.exp(scale * (x @ support_x.T) / lengths)
    of_class = torch.stack([(weights * (support_y == c)).sum(1) for c in range(ways)], dim=1)
    return of_class / weights.sum(1, keepdim=True)


def matching_prediction__right__query_by_query(x, support_x, support_y, ways, scale):
    rows = []
    for query in x:
        weights = torch.softmax(scale * F.cosine_similarity(query[None], support_x), dim=0)
        rows.append(torch.zeros(ways).index_add(0, support_y, weights))
    return torch.stack(rows)


def matching_prediction__right__logarithms_within(x, support_x, support_y, ways, scale):
    scores = scale * F.normalize(x, dim=1) @ F.normalize(support_x, dim=1).T
    mine = (support_y == torch.arange(ways)[:, None])[None]
    of_class = scores[:, None].masked_fill(~mine, -1e9).logsumexp(-1)
    return of_class.softmax(-1)


def matching_prediction__wrong__softmax_over_classes__mean(x, support_x, support_y, ways, scale):
    return (scale * _class_means(_cosines(x, support_x), support_y, ways)).softmax(-1)


def matching_prediction__wrong__softmax_over_classes__sum(x, support_x, support_y, ways, scale):
    return torch.softmax(scale * _cosines(x, support_x) @ _one_hot(support_y, ways), dim=1)


def matching_prediction__wrong__softmax_over_classes__class_by_class(x, support_x, support_y, ways, scale):
    cosines = F.normalize(x, dim=-1) @ F.normalize(support_x, dim=-1).T
    means = torch.stack([cosines[:, support_y == c].mean(1) for c in range(ways)], dim=1)
    weights = torch.exp(scale * means)
    return weights / weights.sum(1, keepdim=True)


def matching_prediction__wrong__softmax_over_classes__prototypes(x, support_x, support_y, ways, scale):
    means = prototypes__right__one_hot(support_x, support_y, ways)
    return (scale * _cosines(x, means)).softmax(-1)


def matching_prediction__wrong__softmax_over_classes__mean_direction(x, support_x, support_y, ways, scale):
    means = prototypes__right__one_hot(F.normalize(support_x, dim=1), support_y, ways)
    return (scale * F.normalize(x, dim=1) @ F.normalize(means, dim=1).T).softmax(-1)


def matching_prediction__wrong__softmax_over_classes__best_of_a_class(x, support_x, support_y, ways, scale):
    cosines = _cosines(x, support_x)
    best = torch.stack([cosines[:, support_y == c].amax(1) for c in range(ways)], dim=1)
    return (scale * best).softmax(-1)


def matching_prediction__wrong__dot_product__plain(x, support_x, support_y, ways, scale):
    return (scale * x @ support_x.T).softmax(-1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__dot_product__scaled(x, support_x, support_y, ways, scale):
    scores = scale * torch.einsum("md,nd->mn", x, support_x) / math.sqrt(x.shape[1])
    return scores.softmax(1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__dot_product__query_not_normalized(x, support_x, support_y, ways, scale):
    return (scale * x @ F.normalize(support_x, dim=1).T).softmax(-1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__dot_product__distance(x, support_x, support_y, ways, scale):
    return (-scale * torch.cdist(x, support_x) ** 2).softmax(-1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__attention_over_examples__attention(x, support_x, support_y, ways, scale):
    return _attention(x, support_x, scale)


def matching_prediction__wrong__attention_over_examples__row_by_row(x, support_x, support_y, ways, scale):
    return torch.stack([(scale * F.cosine_similarity(query[None], support_x)).softmax(0) for query in x])


def matching_prediction__wrong__averages_attention__over_shots(x, support_x, support_y, ways, scale):
    return _class_means(_attention(x, support_x, scale), support_y, ways)


def matching_prediction__wrong__averages_attention__mask(x, support_x, support_y, ways, scale):
    attention = _attention(x, support_x, scale)
    return torch.stack([attention[:, support_y == c].mean(1) for c in range(ways)], dim=1)


def matching_prediction__wrong__averages_attention__renormalized(x, support_x, support_y, ways, scale):
    of_class = _class_means(_attention(x, support_x, scale), support_y, ways)
    return of_class / of_class.sum(1, keepdim=True)


def matching_prediction__wrong__softmax_over_queries__dim_0(x, support_x, support_y, ways, scale):
    return (scale * _cosines(x, support_x)).softmax(0) @ _one_hot(support_y, ways)


def matching_prediction__wrong__softmax_over_queries__by_hand(x, support_x, support_y, ways, scale):
    weights = torch.exp(scale * _cosines(x, support_x))
    return weights / weights.sum(dim=0) @ _one_hot(support_y, ways)


def matching_prediction__wrong__softmax_over_queries__features_of_all(x, support_x, support_y, ways, scale):
    scores = F.normalize(x, dim=0) @ F.normalize(support_x, dim=0).T
    return (scale * scores).softmax(-1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__no_softmax__cosines(x, support_x, support_y, ways, scale):
    return scale * _cosines(x, support_x) @ _one_hot(support_y, ways)


def matching_prediction__wrong__no_softmax__exponentials(x, support_x, support_y, ways, scale):
    return torch.exp(scale * _cosines(x, support_x)) @ _one_hot(support_y, ways)


def matching_prediction__wrong__takes_nearest__argmax(x, support_x, support_y, ways, scale):
    nearest = _cosines(x, support_x).argmax(1)
    return _one_hot(support_y[nearest], ways)


def matching_prediction__wrong__takes_nearest__hard_attention(x, support_x, support_y, ways, scale):
    attention = _attention(x, support_x, scale)
    return (attention == attention.amax(1, keepdim=True)).float() @ _one_hot(support_y, ways)


def matching_prediction__wrong__divides_by_scale__a_temperature(x, support_x, support_y, ways, scale):
    return (_cosines(x, support_x) / scale).softmax(-1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__divides_by_scale__root(x, support_x, support_y, ways, scale):
    weights = torch.exp(_cosines(x, support_x)) ** (1 / scale)
    return weights / weights.sum(1, keepdim=True) @ _one_hot(support_y, ways)


def matching_prediction__wrong__same_shots_for_all__sorted_and_reshaped(x, support_x, support_y, ways, scale):
    attention = _attention(x, support_x, scale)[:, support_y.argsort()]
    return attention.reshape(len(x), ways, -1).sum(-1)


def matching_prediction__wrong__same_shots_for_all__stacked_classes(x, support_x, support_y, ways, scale):
    classes = torch.stack([support_x[support_y == c] for c in range(ways)])
    cosines = torch.stack([_cosines(x, one) for one in classes], dim=1)
    weights = torch.exp(scale * cosines)
    return weights.sum(-1) / weights.sum((1, 2))[:, None]


def matching_prediction__wrong__ignores_scale__left_out(x, support_x, support_y, ways, scale):
    return _cosines(x, support_x).softmax(-1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__ignores_scale__a_longer_query(x, support_x, support_y, ways, scale):
    return _cosines(scale * x, support_x).softmax(-1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__scale_after_softmax__attention(x, support_x, support_y, ways, scale):
    return scale * _cosines(x, support_x).softmax(-1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__scale_after_softmax__labels(x, support_x, support_y, ways, scale):
    return torch.stack([(_cosines(x, support_x).softmax(1) * (support_y == c)).sum(1) for c in range(ways)], 1) * scale


def matching_prediction__wrong__returns_logarithms__log(x, support_x, support_y, ways, scale):
    return matching_prediction__right__attention(x, support_x, support_y, ways, scale).log()


def matching_prediction__wrong__returns_logarithms__log_softmax(x, support_x, support_y, ways, scale):
    scores = (scale * _cosines(x, support_x)).log_softmax(-1)
    return torch.stack([scores[:, support_y == c].logsumexp(1) for c in range(ways)], dim=1)


def matching_prediction__wrong__assumes_sorted_labels__reshape(x, support_x, support_y, ways, scale):
    return _attention(x, support_x, scale).reshape(len(x), ways, -1).sum(-1)


def matching_prediction__wrong__assumes_sorted_labels__chunk(x, support_x, support_y, ways, scale):
    parts = _attention(x, support_x, scale).chunk(ways, dim=1)
    return torch.stack([part.sum(1) for part in parts], dim=1)


def matching_prediction__wrong__overwrites__exponentials(x, support_x, support_y, ways, scale):
    weights = torch.exp(scale * _cosines(x, support_x))
    weights /= weights.sum(1, keepdim=True)
    return weights @ _one_hot(support_y, ways)


def matching_prediction__wrong__overwrites__lengths(x, support_x, support_y, ways, scale):
    lengths = x.norm(dim=1, keepdim=True)
    products = x @ support_x.T / lengths
    lengths *= 0
    return (scale * products / support_x.norm(dim=1)).softmax(-1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__cuts_gradient__no_grad(x, support_x, support_y, ways, scale):
    with torch.no_grad():
        attention = _attention(x, support_x, scale)
    return attention @ _one_hot(support_y, ways)


def matching_prediction__wrong__cuts_gradient__detached_support(x, support_x, support_y, ways, scale):
    return matching_prediction__right__attention(x, support_x.detach(), support_y, ways, scale)


def matching_prediction__wrong__compares_in_pairs__cosine_similarity(x, support_x, support_y, ways, scale):
    return (scale * F.cosine_similarity(x, support_x)).softmax(-1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__compares_in_pairs__last_dimension(x, support_x, support_y, ways, scale):
    attention = F.softmax(scale * F.cosine_similarity(x, support_x, dim=-1), dim=0)
    return torch.stack([attention[support_y == c].sum() for c in range(ways)])


def matching_prediction__wrong__compares_in_pairs__by_hand(x, support_x, support_y, ways, scale):
    cosines = (x * support_x).sum(-1) / (x.norm(dim=-1) * support_x.norm(dim=-1))
    return (scale * cosines).softmax(-1)[:, None] * _one_hot(support_y, ways)


def matching_prediction__wrong__wrong_dimension__default(x, support_x, support_y, ways, scale):
    return (scale * F.cosine_similarity(x[:, None], support_x)).softmax(-1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__wrong_dimension__not_transposed(x, support_x, support_y, ways, scale):
    scores = F.normalize(x, dim=-1) @ F.normalize(support_x, dim=-1)
    return (scale * scores).softmax(-1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__wrong_dimension__first(x, support_x, support_y, ways, scale):
    cosines = F.cosine_similarity(x[:, None], support_x[None], dim=0)
    return (scale * cosines).softmax(-1) @ _one_hot(support_y, ways)


def matching_prediction__wrong__labels_not_float__product(x, support_x, support_y, ways, scale):
    return _attention(x, support_x, scale) @ F.one_hot(support_y, ways)


def matching_prediction__wrong__labels_not_float__true_and_false(x, support_x, support_y, ways, scale):
    return _attention(x, support_x, scale) @ (support_y[:, None] == torch.arange(ways))


def matching_prediction__wrong__breaks_under_vmap__one_hot_without_ways(x, support_x, support_y, ways, scale):
    return _attention(x, support_x, scale) @ F.one_hot(support_y).float()


def matching_prediction__wrong__breaks_under_vmap__mask(x, support_x, support_y, ways, scale):
    attention = _attention(x, support_x, scale)
    return torch.stack([attention[:, support_y == c].sum(1) for c in range(ways)], dim=1)


def matching_prediction__wrong__breaks_under_vmap__adds_to_zeros(x, support_x, support_y, ways, scale):
    attention, p = _attention(x, support_x, scale), torch.zeros(len(x), ways)
    for i, label in enumerate(support_y):
        p[:, label] += attention[:, i]
    return p


def matching_prediction__wrong__raised__three_ways_written_in(x, support_x, support_y, ways, scale):
    attention = (scale * F.cosine_similarity(x[:, None], support_x, dim=-1)).softmax(-1)
    return attention @ F.one_hot(support_y, 3).float()


def prototype_loss__right__cdist_squared(x, y, prototypes):
    return F.cross_entropy(-(torch.cdist(x, prototypes) ** 2), y)


def prototype_loss__right__log_softmax(x, y, prototypes):
    log_p = F.log_softmax(-_differences(x, prototypes).square().sum(-1), dim=1)
    return -log_p[torch.arange(len(y)), y].mean()


def prototype_loss__right__linear_classifier(x, y, prototypes):
    return F.cross_entropy(F.linear(x, 2 * prototypes, -prototypes.square().sum(1)), y)


def prototype_loss__wrong__unsquared_distance__as_published(x, y, prototypes):
    return F.cross_entropy(-torch.cdist(x, prototypes), y)


def prototype_loss__wrong__unsquared_distance__root_of_squares(x, y, prototypes):
    log_p = F.log_softmax(-_differences(x, prototypes).square().sum(-1).sqrt(), dim=1)
    return -log_p.gather(1, y[:, None]).mean()


def prototype_loss__wrong__unsquared_distance__exponent_two(x, y, prototypes):
    return F.cross_entropy(-torch.cdist(x, prototypes, p=2), y)


def prototype_loss__wrong__square_eats_the_minus__brackets(x, y, prototypes):
    return F.cross_entropy((-torch.cdist(x, prototypes)) ** 2, y)


def prototype_loss__wrong__square_eats_the_minus__method(x, y, prototypes):
    logits = -torch.cdist(x, prototypes)
    log_p = torch.log_softmax(logits.square(), dim=-1)
    return -log_p.gather(1, y[:, None]).mean()


def prototype_loss__wrong__square_eats_the_minus__forgotten(x, y, prototypes):
    return F.cross_entropy(_differences(x, prototypes).pow(2).sum(-1), y)


def prototype_loss__wrong__squares_afterwards__the_loss(x, y, prototypes):
    return F.cross_entropy(-torch.cdist(x, prototypes), y) ** 2


def prototype_loss__wrong__squares_afterwards__log_probabilities(x, y, prototypes):
    log_p = F.log_softmax(-torch.cdist(x, prototypes), dim=1)
    return -(log_p.gather(1, y[:, None]) ** 2).mean()


def prototype_loss__wrong__summed_loss__reduction(x, y, prototypes):
    return F.cross_entropy(-(torch.cdist(x, prototypes) ** 2), y, reduction="sum")


def prototype_loss__wrong__summed_loss__by_hand(x, y, prototypes):
    log_p = F.log_softmax(-_differences(x, prototypes).square().sum(-1), dim=1)
    return -log_p[torch.arange(len(y)), y].sum()


def prototype_loss__wrong__softmax_before_the_loss__method(x, y, prototypes):
    return F.cross_entropy((-torch.cdist(x, prototypes).square()).softmax(-1), y)


def prototype_loss__wrong__softmax_before_the_loss__by_hand(x, y, prototypes):
    weights = torch.exp(-_differences(x, prototypes).square().sum(-1))
    return F.cross_entropy(weights / weights.sum(1, keepdim=True), y)


def prototype_loss__wrong__averages_features__mean(x, y, prototypes):
    return F.cross_entropy(-_differences(x, prototypes).square().mean(-1), y)


def prototype_loss__wrong__averages_features__divided(x, y, prototypes):
    return F.cross_entropy(-(torch.cdist(x, prototypes) ** 2) / x.shape[1], y)


def prototype_loss__wrong__wrong_value__first_query_only(x, y, prototypes):
    return F.cross_entropy(-(torch.cdist(x[:1], prototypes) ** 2), y[:1])


def prototype_loss__wrong__wrong_value__softmax_over_queries(x, y, prototypes):
    logits = -torch.cdist(x, prototypes).square()
    return F.nll_loss(logits.log_softmax(0), y)


def four_rotations__right__default():
    return [lambda image, k=k: image.rot90(k, (1, 2)) for k in range(4)]


def four_rotations__right__partial():
    return [partial(torch.rot90, k=k, dims=(-2, -1)) for k in range(4)]


def four_rotations__right__a_function_that_makes_functions():
    def by(k):
        return lambda image: torch.rot90(image, k, (1, 2))

    return tuple(map(by, range(4)))


def four_rotations__right__written_out():
    return [
        lambda image: image.clone(),
        lambda image: image.transpose(1, 2).flip(1),
        lambda image: image.flip(1, 2),
        lambda image: image.transpose(1, 2).flip(2),
    ]


def four_rotations__wrong__late_binding__as_published():
    turns = []
    for k in range(4):
        turns.append(lambda image: image.rot90(k, (1, 2)))  # noqa: B023
    return turns


def four_rotations__wrong__late_binding__comprehension():
    return [lambda image: image.rot90(k, (1, 2)) for k in range(4)]  # noqa: B023


def four_rotations__wrong__late_binding__def():
    turns = []
    for k in range(4):

        def turn(image):
            return image.rot90(k, (1, 2))  # noqa: B023

        turns.append(turn)
    return turns


def four_rotations__wrong__late_binding__another_name():
    turns = []
    for k in range(4):
        mine = int(k)
        turns.append(lambda image: image.rot90(mine, (1, 2)))  # noqa: B023
    return turns


def four_rotations__wrong__late_binding__partial_of_the_lambda():
    return [partial(lambda image: image.rot90(k, (1, 2))) for k in range(4)]  # noqa: B023


def four_rotations__wrong__wrong_plane__default_dims():
    return [lambda image, k=k: image.rot90(k) for k in range(4)]


def four_rotations__wrong__wrong_plane__partial():
    return [partial(torch.rot90, k=k, dims=(0, 2)) for k in range(4)]


def four_rotations__wrong__remembers_calls__iterator():
    angles = itertools.count()
    return [lambda image: image.rot90(next(angles), (1, 2)) for _ in range(4)]


def four_rotations__wrong__remembers_calls__cycle():
    angles = itertools.cycle([0, 1, 2, 3])

    def turn(image):
        return torch.rot90(image, next(angles), (1, 2))

    return [turn, turn, turn, turn]


def four_rotations__wrong__wrong_value__begins_at_90():
    return [lambda image, k=k: image.rot90(k, (1, 2)) for k in range(1, 5)]


def four_rotations__wrong__clockwise__minus():
    return [partial(torch.rot90, k=-k, dims=(1, 2)) for k in range(4)]


def four_rotations__wrong__clockwise__dimensions_exchanged():
    return [lambda image, k=k: image.rot90(k, (2, 1)) for k in range(4)]


def four_rotations__wrong__wrong_type__the_images():
    return [torch.zeros(1, 3, 3).rot90(k, (1, 2)) for k in range(4)]


def four_rotations__wrong__changes_inputs__in_place():
    return [lambda image, k=k: image.copy_(image.rot90(k, (1, 2))) for k in range(4)]


def _numbered(names, index):
    return torch.tensor([index[name] for name in names])


def episode_labels__right__dict(support, query):
    index = {name: label for label, name in enumerate(dict.fromkeys(support))}
    return _numbered(support, index), _numbered(query, index)


def episode_labels__right__first_seen(support, query):
    index = {}
    for name in support:
        if name not in index:
            index[name] = len(index)
    return _numbered(support, index), _numbered(query, index)


def episode_labels__right__sorted_by_place(support, query):
    classes = sorted(set(support), key=support.index)
    return torch.tensor([classes.index(n) for n in support]), torch.tensor([classes.index(n) for n in query])


def episode_labels__wrong__order_of_a_set__as_published(support, query):
    first = {name: label for label, name in enumerate(set(support))}
    second = {name: label for label, name in enumerate(set(query))}
    return _numbered(support, first), _numbered(query, second)


def episode_labels__wrong__order_of_a_set__one_set(support, query):
    classes = list(set(support))
    return torch.tensor([classes.index(n) for n in support]), torch.tensor([classes.index(n) for n in query])


def episode_labels__wrong__order_of_a_set__set_of_both(support, query):
    classes = {name: label for label, name in enumerate(frozenset(support + query))}
    return _numbered(support, classes), _numbered(query, classes)


def episode_labels__wrong__order_of_a_set__sorted_by_hash(support, query):
    classes = sorted(dict.fromkeys(support), key=hash)
    return torch.tensor([classes.index(n) for n in support]), torch.tensor([classes.index(n) for n in query])


def episode_labels__wrong__query_numbered_anew__two_dicts(support, query):
    return tuple(_numbered(names, {n: i for i, n in enumerate(dict.fromkeys(names))}) for names in (support, query))


def episode_labels__wrong__query_numbered_anew__first_seen(support, query):
    def numbered(names):
        seen = []
        for name in names:
            if name not in seen:
                seen.append(name)
        return torch.tensor([seen.index(name) for name in names])

    return numbered(support), numbered(query)


def episode_labels__wrong__counts_examples__index(support, query):
    return torch.tensor([support.index(n) for n in support]), torch.tensor([support.index(n) for n in query])


def episode_labels__wrong__counts_examples__enumerate(support, query):
    index = {name: i for i, name in enumerate(support)}
    return _numbered(support, index), _numbered(query, index)


def episode_labels__wrong__labels_follow_the_alphabet__sorted(support, query):
    index = {name: label for label, name in enumerate(sorted(set(support)))}
    return _numbered(support, index), _numbered(query, index)


def episode_labels__wrong__labels_follow_the_alphabet__numpy(support, query):
    classes, labels = np.unique(support, return_inverse=True)
    return torch.as_tensor(labels), torch.as_tensor(np.searchsorted(classes, query))


def episode_labels__wrong__wrong_value__from_one_on(support, query):
    index = {name: label for label, name in enumerate(dict.fromkeys(support), 1)}
    return _numbered(support, index), _numbered(query, index)


def episode_labels__wrong__wrong_value__numbered_by_runs(support, query):
    index = {}
    for run, (name, _) in enumerate(itertools.groupby(support)):
        index.setdefault(name, run)
    return _numbered(support, index), _numbered(query, index)


def relation_pairs__right__repeat_and_interleave(classes, x):
    c, q = classes.repeat(len(x), 1, 1, 1), torch.repeat_interleave(x, len(classes), dim=0)
    return torch.cat((c, q), 1)


def relation_pairs__right__expanded(classes, x):
    m, ways = len(x), len(classes)
    c = classes[None].expand(m, *classes.shape)
    q = x[:, None].expand(m, ways, *x.shape[1:])
    return torch.cat([c, q], dim=2).flatten(0, 1)


def relation_pairs__right__row_by_row(classes, x):
    return torch.stack([torch.cat([klass, query]) for query in x for klass in classes])


def relation_pairs__right__by_index(classes, x):
    rows = torch.arange(len(x) * len(classes))
    return torch.cat([classes[rows % len(classes)], x[rows // len(classes)]], dim=1)


def relation_pairs__wrong__repeats_both_alike__repeat(classes, x):
    return torch.cat([classes.repeat(len(x), 1, 1, 1), x.repeat(len(classes), 1, 1, 1)], dim=1)


def relation_pairs__wrong__repeats_both_alike__interleave(classes, x):
    return torch.cat([classes.repeat_interleave(len(x), 0), x.repeat_interleave(len(classes), 0)], dim=1)


def relation_pairs__wrong__repeats_both_alike__lists(classes, x):
    pairs = zip(list(classes) * len(x), list(x) * len(classes), strict=True)
    return torch.stack([torch.cat(pair) for pair in pairs])


def relation_pairs__wrong__class_by_class__swapped(classes, x):
    return torch.cat([classes.repeat_interleave(len(x), 0), x.repeat(len(classes), 1, 1, 1)], dim=1)


def relation_pairs__wrong__class_by_class__row_by_row(classes, x):
    return torch.stack([torch.cat([klass, query]) for klass in classes for query in x])


def relation_pairs__wrong__query_first__cat(classes, x):
    return torch.cat([x.repeat_interleave(len(classes), 0), classes.repeat(len(x), 1, 1, 1)], dim=1)


def relation_pairs__wrong__query_first__row_by_row(classes, x):
    return torch.stack([torch.cat((query, klass), 0) for query in x for klass in classes])


def relation_pairs__wrong__not_side_by_side__dim_0(classes, x):
    return torch.cat([classes.repeat(len(x), 1, 1, 1), x.repeat_interleave(len(classes), 0)])


def relation_pairs__wrong__not_side_by_side__width(classes, x):
    return torch.cat([classes.repeat(len(x), 1, 1, 1), x.repeat_interleave(len(classes), 0)], dim=-1)


def relation_pairs__wrong__not_side_by_side__difference(classes, x):
    return (x[:, None] - classes).flatten(0, 1)


def relation_pairs__wrong__cuts_gradient__detach(classes, x):
    return relation_pairs__right__repeat_and_interleave(classes.detach(), x)


def relation_pairs__wrong__cuts_gradient__numbers(classes, x):
    return torch.tensor([klass + query for query in x.tolist() for klass in classes.tolist()])


def relation_pairs__wrong__breaks_under_vmap__fills_zeros(classes, x):
    ways, channels = classes.shape[:2]
    rows = torch.zeros(len(x) * ways, 2 * channels, *x.shape[2:])
    for q, query in enumerate(x):
        for c, klass in enumerate(classes):
            rows[q * ways + c, :channels] = klass
            rows[q * ways + c, channels:] = query
    return rows


def relation_pairs__wrong__breaks_under_vmap__fills_halves(classes, x):
    ways, channels = classes.shape[:2]
    rows = torch.empty(len(x) * ways, 2 * channels, *x.shape[2:])
    rows[:, :channels] = classes.repeat(len(x), 1, 1, 1)
    rows[:, channels:] = x.repeat_interleave(ways, 0)
    return rows
