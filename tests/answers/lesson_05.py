import math

import torch
import torch.nn.functional as F


def _one_hot(y, ways):
    return F.one_hot(y, ways).float()


def offset_labels__right__zeros_above(y, ways):
    return torch.cat([torch.zeros(1, ways), _one_hot(y, ways)[:-1]])


def offset_labels__right__padded(y, ways):
    return F.pad(torch.eye(ways)[y[:-1]], (0, 0, 1, 0))


def offset_labels__right__filled_row_by_row(y, ways):
    before = torch.zeros(len(y), ways)
    for t in range(1, len(y)):
        before[t, y[t - 1]] = 1
    return before


def offset_labels__right__rolled_and_cleared(y, ways):
    before = torch.roll(_one_hot(y, ways), 1, dims=0)
    before[0] = 0
    return before


def offset_labels__wrong__label_beside_its_image__one_hot(y, ways):
    return _one_hot(y, ways)


def offset_labels__wrong__label_beside_its_image__first_row_cleared(y, ways):
    before = torch.zeros(len(y), ways)
    for t in range(1, len(y)):
        before[t][y[t]] = 1
    return before


def offset_labels__wrong__label_beside_its_image__first_label_twice(y, ways):
    return _one_hot(torch.cat([y[:1], y[:-1]]), ways)


def offset_labels__wrong__label_beside_its_image__padded_and_cut_at_the_wrong_end(y, ways):
    return F.pad(torch.eye(ways)[y], (0, 0, 1, 0))[1:]


def offset_labels__wrong__wraps_around__roll(y, ways):
    return torch.roll(_one_hot(y, ways), 1, dims=0)


def offset_labels__wrong__wraps_around__index_minus_one(y, ways):
    rows = []
    for t in range(len(y)):
        row = torch.zeros(ways)
        row[y[t - 1]] = 1
        rows.append(row)
    return torch.stack(rows)


def offset_labels__wrong__wraps_around__last_in_front(y, ways):
    return torch.eye(ways)[torch.cat([y[-1:], y[:-1]])]


def offset_labels__wrong__looks_ahead__zeros_below(y, ways):
    return torch.cat([_one_hot(y, ways)[1:], torch.zeros(1, ways)])


def offset_labels__wrong__looks_ahead__roll(y, ways):
    return _one_hot(torch.roll(y, -1), ways)


def offset_labels__wrong__looks_ahead__loop(y, ways):
    before = torch.zeros(len(y), ways)
    for t, label in enumerate(y[1:].tolist()):
        before[t, label] = 1
    return before


def offset_labels__wrong__starts_with_label_zero__padded_labels(y, ways):
    return _one_hot(F.pad(y[:-1], (1, 0)), ways)


def offset_labels__wrong__starts_with_label_zero__a_list(y, ways):
    rows, last = [], 0
    for label in y.tolist():
        rows.append([1.0 if klass == last else 0.0 for klass in range(ways)])
        last = label
    return torch.tensor(rows)


def offset_labels__wrong__shifts_classes__padded_on_the_left(y, ways):
    return F.pad(_one_hot(y, ways), (1, 0))[:, :-1]


def offset_labels__wrong__shifts_classes__roll_of_columns(y, ways):
    return torch.roll(_one_hot(y, ways), 1, dims=1)


def offset_labels__wrong__shifts_classes__roll_without_dims(y, ways):
    return torch.roll(_one_hot(y, ways), 1)


def offset_labels__wrong__shifts_classes__label_minus_one(y, ways):
    return torch.eye(ways)[y - 1]


def offset_labels__wrong__ways_from_labels__one_hot_of_its_own(y, ways):
    shown = F.one_hot(y).float()
    return torch.cat([torch.zeros_like(shown[:1]), shown[:-1]])


def offset_labels__wrong__ways_from_labels__unique(y, ways):
    classes = y.unique()
    return F.pad((y[:-1, None] == classes).float(), (0, 0, 1, 0))


def offset_labels__wrong__ways_from_labels__parts_of_two_sizes(y, ways):
    return torch.cat([torch.zeros(1, ways), F.one_hot(y)[:-1].float()])


def offset_labels__wrong__wrong_value__uniform_first_row(y, ways):
    shown = F.one_hot(y, ways).float()
    return torch.cat([torch.full((1, ways), 1 / ways), shown[:-1]])


def content_read__right__cosine_similarity(memory, key, scale):
    weights = (scale * F.cosine_similarity(memory, key[None], dim=1)).softmax(dim=0)
    return weights, weights @ memory


def content_read__right__by_hand(memory, key, scale):
    lengths = memory.norm(dim=1).clamp(min=1e-8) * key.norm()
    scores = torch.exp(scale * (memory @ key) / lengths)
    weights = scores / scores.sum()
    return weights, (weights[:, None] * memory).sum(0)


def content_read__right__slot_by_slot(memory, key, scale):
    direction = F.normalize(key, dim=0)
    scores = torch.stack([scale * (F.normalize(slot, dim=0) @ direction) for slot in memory])
    weights = torch.softmax(scores, 0)
    return weights, torch.einsum("s,sw->w", weights, memory)


def _cosines(memory, key):
    return F.cosine_similarity(memory, key, dim=-1)


def _average(memory, weights):
    return weights, weights @ memory


def content_read__wrong__dot_product__plain(memory, key, scale):
    return _average(memory, (scale * memory @ key).softmax(-1))


def content_read__wrong__dot_product__scaled_by_width(memory, key, scale):
    scores = torch.einsum("sw,w->s", memory, key) / math.sqrt(len(key))
    scores = torch.exp(scale * scores)
    return _average(memory, scores / scores.sum())


def content_read__wrong__dot_product__only_the_key_normalized(memory, key, scale):
    return _average(memory, (scale * memory @ F.normalize(key, dim=0)).softmax(0))


def content_read__wrong__dot_product__only_the_memory_normalized(memory, key, scale):
    return _average(memory, (scale * F.normalize(memory, dim=1) @ key).softmax(0))


def content_read__wrong__dot_product__distance(memory, key, scale):
    return _average(memory, (-scale * (memory - key).norm(dim=1)).softmax(0))


def content_read__wrong__normalizes_features__normalize(memory, key, scale):
    scores = F.normalize(memory, dim=0) @ F.normalize(key, dim=0)
    return _average(memory, (scale * scores).softmax(0))


def content_read__wrong__normalizes_features__norm(memory, key, scale):
    columns = memory / memory.norm(dim=0).clamp(min=1e-8)
    scores = torch.stack([slot @ key for slot in columns]) / key.norm()
    return _average(memory, torch.softmax(scale * scores, -1))


def content_read__wrong__softmax_over_features__other_dim(memory, key, scale):
    return _average(memory, (scale * F.cosine_similarity(memory, key[None], dim=0)).softmax(-1))


def content_read__wrong__softmax_over_features__before_the_sum(memory, key, scale):
    products = F.normalize(memory, dim=1) * F.normalize(key, dim=0)
    return _average(memory, (scale * products).softmax(dim=-1).sum(-1))


def content_read__wrong__softmax_over_features__before_the_mean(memory, key, scale):
    products = scale * F.normalize(memory, dim=1) * F.normalize(key, dim=0)
    return _average(memory, torch.softmax(products, 1).mean(1))


def content_read__wrong__softmax_over_features__a_weight_for_each(memory, key, scale):
    products = F.normalize(memory, dim=1) * F.normalize(key, dim=0)
    weights = (scale * products).softmax(dim=0)
    return weights, (weights * memory).sum(0)


def content_read__wrong__no_softmax__the_cosines(memory, key, scale):
    return _average(memory, scale * _cosines(memory, key))


def content_read__wrong__no_softmax__divided_by_the_sum(memory, key, scale):
    scores = [scale * F.cosine_similarity(slot, key, dim=0) for slot in memory]
    total = sum(scores)
    return _average(memory, torch.stack([score / total for score in scores]))


def content_read__wrong__no_softmax__sigmoid(memory, key, scale):
    return _average(memory, torch.sigmoid(scale * _cosines(memory, key)))


def content_read__wrong__takes_best_slot__one_hot(memory, key, scale):
    best = _cosines(memory, key).argmax()
    weights = F.one_hot(best, len(memory)).float()
    return _average(memory, weights)


def content_read__wrong__takes_best_slot__read_only(memory, key, scale):
    weights = (scale * _cosines(memory, key)).softmax(0)
    return weights, memory[weights.argmax()]


def content_read__wrong__takes_best_slot__hard_softmax(memory, key, scale):
    scores = scale * _cosines(memory, key)
    weights = (scores == scores.max()).float()
    return weights, (memory * weights[:, None]).sum(0)


def content_read__wrong__reads_the_unlike__distance(memory, key, scale):
    return _average(memory, (scale * (1 - _cosines(memory, key))).softmax(0))


def content_read__wrong__reads_the_unlike__softmin(memory, key, scale):
    scores = F.normalize(memory, dim=1) @ F.normalize(key, dim=0)
    return _average(memory, F.softmin(scale * scores, dim=0))


def content_read__wrong__ignores_scale__left_out(memory, key, scale):
    return _average(memory, _cosines(memory, key).softmax(0))


def content_read__wrong__ignores_scale__added(memory, key, scale):
    return _average(memory, (scale + _cosines(memory, key)).softmax(0))


def content_read__wrong__ignores_scale__a_longer_key(memory, key, scale):
    scores = torch.exp(F.cosine_similarity(memory, scale * key, dim=-1))
    return _average(memory, scores / scores.sum())


def content_read__wrong__divides_by_scale__a_temperature(memory, key, scale):
    return _average(memory, (_cosines(memory, key) / scale).softmax(0))


def content_read__wrong__divides_by_scale__root(memory, key, scale):
    scores = torch.exp(F.normalize(memory, dim=1) @ F.normalize(key, dim=0)) ** (1 / scale)
    return _average(memory, scores / scores.sum())


def content_read__wrong__scale_after_softmax__product(memory, key, scale):
    return _average(memory, scale * _cosines(memory, key).softmax(0))


def content_read__wrong__scale_after_softmax__by_hand(memory, key, scale):
    scores = torch.exp(F.normalize(memory, dim=1) @ F.normalize(key, dim=0))
    return _average(memory, torch.stack([scale * score / scores.sum() for score in scores]))


def content_read__wrong__weighs_features__matrix_product(memory, key, scale):
    weights = (scale * _cosines(memory, key)).softmax(0)
    return weights, memory @ weights


def content_read__wrong__weighs_features__broadcast(memory, key, scale):
    weights = (scale * _cosines(memory, key)).softmax(0)
    return weights, (weights * memory).sum(-1)


def content_read__wrong__reads_unit_slots__normalize(memory, key, scale):
    memory = F.normalize(memory, dim=1)
    weights = (scale * memory @ F.normalize(key, dim=0)).softmax(0)
    return weights, weights @ memory


def content_read__wrong__reads_unit_slots__slot_by_slot(memory, key, scale):
    units = [slot / slot.norm().clamp(min=1e-8) for slot in memory]
    weights = torch.stack([scale * (unit @ key) / key.norm() for unit in units]).softmax(0)
    return weights, sum(weight * unit for weight, unit in zip(weights, units, strict=True))


def content_read__wrong__swaps_results__what_was_read_first(memory, key, scale):
    weights = (scale * _cosines(memory, key)).softmax(0)
    return weights @ memory, weights


def content_read__wrong__swaps_results__unpacked_the_wrong_way(memory, key, scale):
    read, weights = content_read__right__by_hand(memory, key, scale)
    return weights, read


def content_read__wrong__wrong_type__only_what_was_read(memory, key, scale):
    return (scale * _cosines(memory, key)).softmax(0) @ memory


def content_read__wrong__wrong_structure__the_cosines_as_well(memory, key, scale):
    return _cosines(memory, key), *content_read__right__by_hand(memory, key, scale)


def content_read__wrong__empty_slot_is_nan__divided_at_the_end(memory, key, scale):
    scores = memory @ key / (memory.norm(dim=1) * key.norm())
    return _average(memory, (scale * scores).softmax(0))


def content_read__wrong__empty_slot_is_nan__unit_rows(memory, key, scale):
    rows = memory / memory.square().sum(dim=1, keepdim=True).sqrt()
    weights = torch.exp(scale * (rows * (key / key.norm())).sum(-1))
    return _average(memory, weights / weights.sum())


def content_read__wrong__overwrites__exponentials(memory, key, scale):
    weights = torch.exp(scale * _cosines(memory, key))
    weights /= weights.sum()
    return weights, weights @ memory


def content_read__wrong__overwrites__lengths(memory, key, scale):
    lengths = memory.norm(dim=1)
    lengths *= key.norm()
    return _average(memory, (scale * (memory @ key) / lengths.clamp(min=1e-8)).softmax(0))


def content_read__wrong__cuts_gradient__no_grad(memory, key, scale):
    with torch.no_grad():
        return _average(memory, (scale * _cosines(memory, key)).softmax(0))


def content_read__wrong__cuts_gradient__detached_weights(memory, key, scale):
    weights = (scale * _cosines(memory, key)).softmax(0)
    return weights, weights.detach() @ memory


def content_read__wrong__cuts_gradient__numbers_in_a_list(memory, key, scale):
    scores = [scale * F.cosine_similarity(slot, key, dim=0).item() for slot in memory]
    return _average(memory, torch.tensor(scores).softmax(0))


def content_read__wrong__empty_slot_gradient_is_nan__replaced_where_empty(memory, key, scale):
    lengths = memory.norm(dim=1) * key.norm()
    cosines = torch.where(lengths > 0, memory @ key / lengths, 0.0)
    return _average(memory, (scale * cosines).softmax(0))


def content_read__wrong__empty_slot_gradient_is_nan__nan_to_num(memory, key, scale):
    units = (memory / memory.norm(dim=1, keepdim=True)).nan_to_num()
    return _average(memory, torch.softmax(scale * units @ F.normalize(key, dim=0), -1))


def content_read__wrong__empty_slot_gradient_is_nan__clamped_after_the_root(memory, key, scale):
    lengths = memory.square().sum(-1).sqrt().clamp(min=1e-8) * key.norm()
    scores = torch.exp(scale * (memory * key).sum(-1) / lengths)
    return _average(memory, scores / scores.sum())


def content_read__wrong__breaks_under_vmap__fills_zeros(memory, key, scale):
    scores = torch.zeros(len(memory))
    for i in range(len(memory)):
        scores[i] = scale * F.cosine_similarity(memory[i], key, dim=0)
    return _average(memory, scores.softmax(0))


def content_read__wrong__breaks_under_vmap__asks_about_a_number(memory, key, scale):
    scores = []
    for slot in memory:
        length = slot.norm() * key.norm()
        scores.append(scale * (slot @ key) / length if length > 0 else torch.tensor(0.0))
    return _average(memory, torch.stack(scores).softmax(0))


def aggregate__right__mean(encoded):
    return encoded.mean(dim=0)


def aggregate__right__sum_over_count(encoded):
    return encoded.sum(0) / len(encoded)


def aggregate__right__running_total(encoded):
    total = 0
    for one in encoded:
        total = total + one
    return total / encoded.shape[0]


def aggregate__right__matrix_product(encoded):
    weights = torch.full((len(encoded),), 1 / len(encoded))
    return weights @ encoded


def aggregate__wrong__counts_examples__sum(encoded):
    return encoded.sum(dim=0)


def aggregate__wrong__counts_examples__loop(encoded):
    total = torch.zeros(encoded.shape[1])
    for one in encoded:
        total = total + one
    return total


def aggregate__wrong__counts_examples__divided_by_width(encoded):
    return encoded.sum(0) / encoded.shape[-1]


def aggregate__wrong__counts_examples__one_less(encoded):
    return encoded.sum(0) / (len(encoded) - 1)


def aggregate__wrong__counts_examples__root(encoded):
    return encoded.sum(0) / math.sqrt(len(encoded))


def aggregate__wrong__position_weighted__halves(encoded):
    r = encoded[0]
    for one in encoded[1:]:
        r = (r + one) / 2
    return r


def aggregate__wrong__position_weighted__later_counts_more(encoded):
    weights = torch.arange(1.0, len(encoded) + 1)
    return weights @ encoded / weights.sum()


def aggregate__wrong__position_weighted__last(encoded):
    return encoded[-1]


def aggregate__wrong__mixes_features__last_dimension(encoded):
    return encoded.mean(dim=-1)


def aggregate__wrong__mixes_features__row_by_row(encoded):
    return torch.stack([sum(one) / len(one) for one in encoded])


def aggregate__wrong__mixes_features__everything(encoded):
    return encoded.mean()


def aggregate__wrong__one_example_decides__max(encoded):
    return encoded.amax(dim=0)


def aggregate__wrong__one_example_decides__median(encoded):
    return encoded.sort(dim=0).values[len(encoded) // 2]


def aggregate__wrong__one_example_decides__least_loop(encoded):
    r = encoded[0]
    for one in encoded:
        r = torch.minimum(r, one)
    return r


def aggregate__wrong__cuts_gradient__detach(encoded):
    return encoded.detach().mean(0)


def aggregate__wrong__cuts_gradient__numbers(encoded):
    return torch.tensor([sum(column) / len(column) for column in encoded.T.tolist()])


def aggregate__wrong__cuts_gradient__numpy(encoded):
    return torch.from_numpy(encoded.detach().numpy().mean(axis=0))


def aggregate__wrong__breaks_under_vmap__adds_to_zeros(encoded):
    total = torch.zeros(encoded.shape[1])
    for one in encoded:
        total += one
    return total / len(encoded)


def aggregate__wrong__breaks_under_vmap__fills_zeros(encoded):
    r = torch.zeros(encoded.shape[1])
    for feature in range(encoded.shape[1]):
        r[feature] = encoded[:, feature].mean()
    return r


def aggregate__right__mean_then_tanh(encoded):
    return torch.tanh(encoded.mean(0))


def aggregate__right__mean_of_squares(encoded):
    return encoded.square().sum(0) / len(encoded)


def causal_attention__right__masked_twice(scores):
    earlier = torch.ones_like(scores).tril(-1)
    return scores.masked_fill(earlier == 0, -1e9).softmax(-1) * earlier


def causal_attention__right__row_by_row(scores):
    weights = torch.zeros_like(scores)
    for t in range(1, len(scores)):
        weights[t, :t] = scores[t, :t].softmax(0)
    return weights


def causal_attention__right__minus_infinity_then_zeros(scores):
    earlier = torch.ones_like(scores).tril(-1).bool()
    weights = scores.masked_fill(~earlier, -torch.inf).softmax(dim=1)
    return torch.where(earlier, weights, torch.zeros_like(weights))


def causal_attention__right__minus_infinity_below_the_first_row(scores):
    steps = torch.arange(len(scores))
    hidden = steps[:, None] <= steps
    rows = scores[1:].masked_fill(hidden[1:], -torch.inf).softmax(-1)
    return torch.cat([torch.zeros_like(scores[:1]), rows])


def causal_attention__right__added(scores):
    hidden = torch.ones_like(scores).triu()
    return (scores - 1e9 * hidden).softmax(-1) * (1 - hidden)


def causal_attention__wrong__sees_its_own_label__above_the_diagonal(scores):
    return scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf).softmax(-1)


def causal_attention__wrong__sees_its_own_label__row_by_row(scores):
    weights = torch.zeros_like(scores)
    for t in range(len(scores)):
        weights[t, : t + 1] = scores[t, : t + 1].softmax(0)
    return weights


def causal_attention__wrong__sees_its_own_label__only_at_first(scores):
    earlier = torch.ones_like(scores).tril(-1).bool()
    earlier[0, 0] = True
    return scores.masked_fill(~earlier, -torch.inf).softmax(-1)


def causal_attention__wrong__looks_ahead__no_mask(scores):
    return scores.softmax(-1)


def causal_attention__wrong__looks_ahead__transposed(scores):
    later = torch.ones_like(scores).tril(-1).T
    return scores.masked_fill(later == 0, -1e9).softmax(-1) * later


def causal_attention__wrong__looks_ahead__fills_the_past(scores):
    earlier = torch.ones_like(scores).tril(-1).bool()
    return scores.masked_fill(earlier, -torch.inf).softmax(-1)


def causal_attention__wrong__looks_ahead__transposed_to_nan(scores):
    steps = torch.arange(len(scores))
    return torch.where(steps[:, None] < steps, scores, -torch.inf).softmax(-1)


def causal_attention__wrong__zeroes_after_softmax__tril(scores):
    return scores.softmax(-1).tril(-1)


def causal_attention__wrong__zeroes_after_softmax__loop(scores):
    weights = scores.exp() / scores.exp().sum(1, keepdim=True)
    for t in range(len(scores)):
        weights[t, t:] = 0
    return weights


def causal_attention__wrong__zeroes_before_softmax__tril(scores):
    return scores.tril(-1).softmax(-1)


def causal_attention__wrong__zeroes_before_softmax__masked_fill(scores):
    hidden = torch.ones_like(scores).triu(1).bool()
    weights = scores.masked_fill(hidden, 0.0).exp()
    return weights / weights.sum(-1, keepdim=True)


def causal_attention__wrong__first_row_is_nan__minus_infinity(scores):
    hidden = torch.ones_like(scores).triu().bool()
    return scores.masked_fill(hidden, -torch.inf).softmax(-1)


def causal_attention__wrong__first_row_is_nan__divided_by_nothing(scores):
    weights = scores.exp().tril(-1)
    return weights / weights.sum(-1, keepdim=True)


def causal_attention__wrong__first_row_not_empty__large_number(scores):
    hidden = torch.ones_like(scores).triu().bool()
    return scores.masked_fill(hidden, -1e9).softmax(-1)


def causal_attention__wrong__first_row_not_empty__smoothed(scores):
    weights = scores.exp().tril(-1)
    weights = torch.cat([torch.ones_like(weights[:1]), weights[1:]])
    return weights / weights.sum(-1, keepdim=True)


def causal_attention__wrong__normalizes_columns__softmax_0(scores):
    earlier = torch.ones_like(scores).tril(-1)
    return scores.masked_fill(earlier == 0, -1e9).softmax(0) * earlier


def causal_attention__wrong__normalizes_columns__minus_infinity(scores):
    return scores.masked_fill(torch.ones_like(scores).triu().bool(), -torch.inf).softmax(dim=-2)


def causal_attention__wrong__normalizes_columns__sum_over_rows(scores):
    weights = scores.exp().tril(-1)
    return weights / weights.sum(0).clamp(min=1e-9)


def causal_attention__wrong__zeroes_after_softmax__the_diagonal_only(scores):
    later = torch.ones_like(scores).triu(1).bool()
    return scores.masked_fill(later, -torch.inf).softmax(-1).tril(-1)


def causal_attention__wrong__no_softmax__masked_scores(scores):
    return scores.masked_fill(torch.ones_like(scores).triu().bool(), -1e9)


def causal_attention__wrong__no_softmax__tril(scores):
    return scores.tril(-1)


def causal_attention__wrong__overwrites__first_row(scores):
    weights = scores.masked_fill(torch.ones_like(scores).triu().bool(), -1e9).softmax(-1)
    weights[0] = 0
    return weights


def causal_attention__wrong__overwrites__everything_hidden(scores):
    hidden = torch.ones_like(scores).triu().bool()
    weights = torch.softmax(scores - 1e9 * hidden, dim=1)
    weights.masked_fill_(hidden, 0)
    return weights


def causal_attention__wrong__gradient_is_nan__added_infinity(scores):
    hidden = torch.full_like(scores, -torch.inf).triu()
    return (scores + hidden).softmax(-1).nan_to_num()


def causal_attention__wrong__gradient_is_nan__divided_by_nothing(scores):
    weights = scores.exp() * torch.ones_like(scores).tril(-1)
    weights = weights / weights.sum(-1, keepdim=True)
    return torch.where(weights.isnan(), torch.zeros_like(weights), weights)


def causal_attention__wrong__cuts_gradient__no_grad(scores):
    with torch.no_grad():
        return causal_attention__right__masked_twice(scores)


def causal_attention__wrong__cuts_gradient__lists(scores):
    rows = []
    for t, row in enumerate(scores.tolist()):
        powers = [math.exp(score) for score in row[:t]]
        rows.append([power / sum(powers) for power in powers] + [0.0] * (len(row) - t))
    return torch.tensor(rows)


def causal_attention__wrong__exponential_overflows__tril(scores):
    powers = scores.exp().tril(-1)
    return powers / powers.sum(-1, keepdim=True).clamp(min=1e-9)


def causal_attention__wrong__exponential_overflows__row_by_row(scores):
    rows = [torch.zeros_like(scores[0])]
    for t in range(1, len(scores)):
        powers = torch.exp(scores[t, :t])
        rows.append(F.pad(powers / powers.sum(), (0, len(scores) - t)))
    return torch.stack(rows)


def causal_attention__wrong__renormalizes_after_softmax__clamped_sum(scores):
    weights = scores.softmax(-1).tril(-1)
    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-20)


def causal_attention__wrong__renormalizes_after_softmax__normalize(scores):
    earlier = torch.ones_like(scores).tril(-1)
    return F.normalize(torch.softmax(scores, dim=1) * earlier, p=1, dim=1)


def causal_attention__wrong__renormalizes_after_softmax__all_but_the_first_row(scores):
    powers = (scores - scores.amax(1, keepdim=True)).exp()[1:].tril()
    return torch.cat([torch.zeros_like(scores[:1]), powers / powers.sum(1, keepdim=True)])


def causal_attention__wrong__wrong_value__zeros_struck_out(scores):
    earlier = scores.tril(-1)
    weights = earlier.masked_fill(earlier == 0, -1e9).softmax(-1)
    return weights * torch.ones_like(scores).tril(-1)


def causal_attention__wrong__wrong_value__not_low_enough(scores):
    earlier = torch.ones_like(scores, dtype=torch.bool).tril(-1)
    return scores.masked_fill(~earlier, -50.0).softmax(-1) * earlier


def causal_attention__wrong__wrong_value__nan_to_num(scores):
    earlier = torch.ones_like(scores, dtype=torch.bool).tril(-1)
    return scores.masked_fill(~earlier, -torch.inf).softmax(-1).nan_to_num()
