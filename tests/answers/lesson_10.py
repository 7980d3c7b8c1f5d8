import math

import torch
import torch.nn.functional as F


def regret__right__gather(means, pulled, paid):
    return (means.max() - means[pulled]).sum()


def regret__right__counts(means, pulled, paid):
    counts = torch.bincount(pulled, minlength=len(means)).to(means)
    return counts @ (means.max() - means)


def regret__right__loop(means, pulled, paid):
    lost = torch.zeros(())
    for arm in pulled.tolist():
        lost = lost + max(means) - means[arm]
    return lost


def regret__wrong__keeps_each_pull__no_sum(means, pulled, paid):
    return means.max() - means[pulled]


def regret__wrong__keeps_each_pull__loop(means, pulled, paid):
    return torch.stack([means.max() - means[arm] for arm in pulled])


def regret__wrong__uses_payments__sum(means, pulled, paid):
    return (means.max() - paid).sum()


def regret__wrong__uses_payments__total(means, pulled, paid):
    return len(paid) * means.amax() - paid.sum()


def regret__wrong__best_in_hindsight__payments(means, pulled, paid):
    averages = [paid[pulled == arm].mean() if (pulled == arm).any() else torch.zeros(()) for arm in range(len(means))]
    return (max(averages) - paid).sum()


def regret__wrong__best_in_hindsight__its_mean(means, pulled, paid):
    won = torch.stack([paid[pulled == arm].sum() / (pulled == arm).sum().clamp(min=1) for arm in range(len(means))])
    return (means[won.argmax()] - means[pulled]).sum()


def regret__wrong__averages__mean(means, pulled, paid):
    return (means.max() - means[pulled]).mean()


def regret__wrong__averages__difference_of_means(means, pulled, paid):
    return means.max() - means[pulled].mean()


def regret__wrong__sum_of_means__sum(means, pulled, paid):
    return means[pulled].sum()


def regret__wrong__sum_of_means__counts(means, pulled, paid):
    return torch.bincount(pulled, minlength=len(means)).float() @ means


def regret__wrong__wrong_sign__turned(means, pulled, paid):
    return (means[pulled] - means.max()).sum()


def regret__wrong__wrong_sign__total(means, pulled, paid):
    return means[pulled].sum() - len(pulled) * means.max()


def regret__wrong__best_of_the_pulled__max(means, pulled, paid):
    taken = means[pulled]
    return (taken.max() - taken).sum()


def regret__wrong__best_of_the_pulled__counts(means, pulled, paid):
    arms, counts = pulled.unique(return_counts=True)
    return (means[arms].amax() - means[arms]) @ counts.to(means)


def bayes_update__right__clone(counts, arm, reward):
    new = counts.clone()
    new[arm, 0] += reward
    new[arm, 1] += 1 - reward
    return new


def bayes_update__right__one_hot(counts, arm, reward):
    row = F.one_hot(torch.tensor(arm), len(counts)).to(counts)
    return counts + torch.outer(row, torch.tensor([reward, 1 - reward]))


def bayes_update__right__rows(counts, arm, reward):
    rows = list(counts)
    a, b = rows[arm]
    rows[arm] = torch.stack([a + 1, b] if reward else [a, b + 1])
    return torch.stack(rows)


def bayes_update__wrong__updates_all_arms__broadcast(counts, arm, reward):
    return counts + torch.tensor([reward, 1 - reward])


def bayes_update__wrong__updates_all_arms__columns(counts, arm, reward):
    new = counts.clone()
    new[:, 0 if reward else 1] += 1
    return new


def bayes_update__wrong__adds_to_both__reward(counts, arm, reward):
    new = counts.clone()
    new[arm] += reward
    return new


def bayes_update__wrong__adds_to_both__one(counts, arm, reward):
    return counts + F.one_hot(torch.tensor(arm), len(counts))[:, None]


def bayes_update__wrong__swaps_counts__index(counts, arm, reward):
    new = counts.clone()
    new[arm, int(reward)] += 1
    return new


def bayes_update__wrong__swaps_counts__pair(counts, arm, reward):
    new = counts.clone()
    new[arm] = new[arm] + torch.tensor([1 - reward, reward])
    return new


def bayes_update__wrong__keeps_the_mean__all(counts, arm, reward):
    new = counts.clone()
    new[arm] += torch.tensor([reward, 1 - reward])
    return new[:, 0] / new.sum(1)


def bayes_update__wrong__keeps_the_mean__of_the_arm(counts, arm, reward):
    return (counts[arm, 0] + reward) / (counts[arm].sum() + 1)


def bayes_update__wrong__keeps_the_mean__in_its_row(counts, arm, reward):
    new = counts.clone()
    new[arm] += torch.tensor([reward, 1 - reward])
    mean = new[arm, 0] / new[arm].sum()
    new[arm] = torch.stack([mean, 1 - mean])
    return new


def bayes_update__wrong__keeps_the_mean__every_row(counts, arm, reward):
    new = counts + F.one_hot(torch.tensor(arm), len(counts))[:, None] * torch.tensor([reward, 1 - reward])
    return F.normalize(new, p=1, dim=-1)


def bayes_update__wrong__forgets_losses__if(counts, arm, reward):
    new = counts.clone()
    if reward:
        new[arm, 0] += 1
    return new


def bayes_update__wrong__forgets_losses__times(counts, arm, reward):
    new = counts.clone()
    new[arm, 0] = new[arm, 0] + reward
    return new


def next_question__right__mean(low, high):
    return (low + high) / 2


def next_question__right__from_low(low, high):
    return low + 0.5 * (high - low)


def next_question__right__lerp(low, high):
    return torch.lerp(low, high, 0.5)


def next_question__wrong__draws__rand(low, high):
    return low + (high - low) * torch.rand_like(low)


def next_question__wrong__draws__uniform(low, high):
    return torch.distributions.Uniform(low, high).sample()


def next_question__wrong__middle_of_everything__full(low, high):
    return torch.full_like(low, 0.5)


def next_question__wrong__middle_of_everything__of_a_new_line(low, high):
    return (torch.zeros_like(low) + torch.ones_like(high)) / 2


def next_question__wrong__an_end__low(low, high):
    return low.clone()


def next_question__wrong__an_end__high(low, high):
    return torch.maximum(low, high)


def next_question__wrong__half_the_length__difference(low, high):
    return (high - low) / 2


def next_question__wrong__half_the_length__abs(low, high):
    return 0.5 * (low - high).abs()


def next_question__wrong__adds_the_ends__sum(low, high):
    return low + high


def next_question__wrong__adds_the_ends__stacked(low, high):
    return torch.stack([low, high]).sum(0)


def linear_attention_step__right__similarities_first(x, y, query, rate):
    return (query @ x.T) @ (rate * y) / len(x)


def linear_attention_step__right__weights_first(x, y, query, rate):
    return query @ (rate * (y[:, None] * x).mean(0))


def linear_attention_step__right__gradient(x, y, query, rate):
    w = torch.zeros(x.shape[1], dtype=x.dtype)
    gradient = torch.func.grad(lambda w: ((x @ w - y) ** 2).mean() / 2)(w)
    return query @ (w - rate * gradient)


def linear_attention_step__right__einsum(x, y, query, rate):
    return rate * torch.einsum("md,nd,n->m", query, x, y) / x.shape[0]


def linear_attention_step__wrong__softmax__times_rate(x, y, query, rate):
    return F.softmax(query @ x.T, dim=-1) @ (rate * y)


def linear_attention_step__wrong__softmax__scaled(x, y, query, rate):
    return rate * ((query @ x.T) / math.sqrt(x.shape[1])).softmax(1) @ y


def linear_attention_step__wrong__not_averaged__sum(x, y, query, rate):
    return rate * (query @ x.T) @ y


def linear_attention_step__wrong__not_averaged__weights(x, y, query, rate):
    return query @ (rate * x.T @ y)


def linear_attention_step__wrong__attends_to_itself__token(x, y, query, rate):
    answers = []
    for q in query:
        keys, values = torch.cat([x, q[None]]), torch.cat([y, y.new_zeros(1)])
        answers.append((rate * values * (keys @ q)).mean())
    return torch.stack(answers)


def linear_attention_step__wrong__attends_to_itself__count(x, y, query, rate):
    return rate * query @ x.T @ y / (len(x) + 1)


def linear_attention_step__wrong__wrong_sign__minus(x, y, query, rate):
    return -rate * query @ (x.T @ y) / len(x)


def linear_attention_step__wrong__wrong_sign__adds_gradient(x, y, query, rate):
    w = torch.zeros(x.shape[1])
    gradient = torch.func.grad(lambda w: ((x @ w - y) ** 2).mean() / 2)(w)
    return query @ (w + rate * gradient)


def linear_attention_step__wrong__whole_square__two(x, y, query, rate):
    return query @ (2 * rate * x.T @ y / len(x))


def linear_attention_step__wrong__whole_square__gradient(x, y, query, rate):
    w = torch.zeros(x.shape[1])
    return query @ (w - rate * torch.func.grad(lambda w: F.mse_loss(x @ w, y))(w))


def linear_attention_step__wrong__forgets_rate__mean(x, y, query, rate):
    return query @ (y[:, None] * x).mean(0)


def linear_attention_step__wrong__forgets_rate__similarities(x, y, query, rate):
    return (query @ x.T) @ y / len(y)


def linear_attention_step__wrong__keeps_every_example__products(x, y, query, rate):
    return rate * (query @ x.T) * y / len(x)


def linear_attention_step__wrong__keeps_every_example__turned(x, y, query, rate):
    return rate * (x @ query.T) * y[:, None]


def linear_attention_step__wrong__cuts_gradient__detach(x, y, query, rate):
    return rate * query @ (x.T @ y).detach() / len(x)


def linear_attention_step__wrong__cuts_gradient__no_grad(x, y, query, rate):
    with torch.no_grad():
        weights = rate * x.T @ y / len(x)
    return query @ weights


def linear_attention_step__wrong__breaks_under_vmap__tolist(x, y, query, rate):
    if any(norm == 0 for norm in query.norm(dim=1).tolist()):
        query = query + 0.0
    return rate * query @ (x.T @ y) / len(x)


def linear_attention_step__wrong__breaks_under_vmap__if(x, y, query, rate):
    if x.abs().sum() == 0:
        return query.sum(1) * 0
    return rate * query @ (x.T @ y) / len(x)


def memorizes__right__std(seen, fresh):
    gaps = fresh - seen
    gap, half = gaps.mean(), 1.96 * gaps.std() / len(gaps) ** 0.5
    return gap, half, bool(gap > half)


def memorizes__right__var(seen, fresh):
    d = fresh - seen
    half = 1.96 * (d.var(correction=0) / d.numel()).sqrt()
    return d.mean(), half, (d.mean() - half).item() > 0


def memorizes__right__by_hand(seen, fresh):
    n = len(seen)
    gap = (fresh.sum() - seen.sum()) / n
    squares = ((fresh - seen - gap) ** 2).sum() / (n - 1)
    half = 1.96 * torch.sqrt(squares / n)
    return gap, half, bool(gap - half > 0)


def memorizes__wrong__seen_minus_fresh__gaps(seen, fresh):
    gaps = seen - fresh
    half = 1.96 * gaps.std() / len(gaps) ** 0.5
    return gaps.mean(), half, bool(gaps.mean() > half)


def memorizes__wrong__seen_minus_fresh__means(seen, fresh):
    gap = seen.mean() - fresh.mean()
    half = 1.96 * (fresh - seen).std() / math.sqrt(len(seen))
    return gap, half, bool(gap < -half)


def memorizes__wrong__without_pairs__variances(seen, fresh):
    half = 1.96 * (seen.var() / len(seen) + fresh.var() / len(fresh)).sqrt()
    gap = fresh.mean() - seen.mean()
    return gap, half, bool(gap > half)


def memorizes__wrong__without_pairs__of_one(seen, fresh):
    gap, half = (fresh - seen).mean(), 1.96 * fresh.std() / len(fresh) ** 0.5
    return gap, half, bool(gap > half)


def memorizes__wrong__no_sqrt_n__std(seen, fresh):
    gaps = fresh - seen
    half = 1.96 * gaps.std()
    return gaps.mean(), half, bool(gaps.mean() > half)


def memorizes__wrong__no_sqrt_n__var(seen, fresh):
    gaps = fresh - seen
    gap, half = gaps.mean(), 1.96 * gaps.var().sqrt()
    return gap, half, bool(gap - half > 0)


def memorizes__wrong__one_standard_error__error(seen, fresh):
    gaps = fresh - seen
    half = gaps.std() / len(gaps) ** 0.5
    return gaps.mean(), half, bool(gaps.mean() > half)


def memorizes__wrong__one_standard_error__root(seen, fresh):
    d = fresh - seen
    half = (d.var() / len(d)).sqrt()
    return d.mean(), half, bool(d.mean() > half)


def memorizes__wrong__any_gap__above_zero(seen, fresh):
    gaps = fresh - seen
    half = 1.96 * gaps.std() / len(gaps) ** 0.5
    return gaps.mean(), half, bool(gaps.mean() > 0)


def memorizes__wrong__any_gap__means(seen, fresh):
    gaps = fresh - seen
    return gaps.mean(), 1.96 * gaps.std() / len(gaps) ** 0.5, bool(fresh.mean() > seen.mean())


def memorizes__wrong__either_way__abs(seen, fresh):
    gaps = fresh - seen
    half = 1.96 * gaps.std() / len(gaps) ** 0.5
    return gaps.mean(), half, bool(gaps.mean().abs() > half)


def memorizes__wrong__either_way__holds_zero(seen, fresh):
    gaps = fresh - seen
    gap, half = gaps.mean(), 1.96 * gaps.std() / len(gaps) ** 0.5
    return gap, half, not bool((gap - half <= 0) & (gap + half >= 0))


def memorizes__wrong__one_standard_error__in_the_verdict(seen, fresh):
    gaps = fresh - seen
    error = gaps.std() / len(gaps) ** 0.5
    return gaps.mean(), 1.96 * error, bool(gaps.mean() > error)


def memorizes__wrong__absolute_gaps__abs(seen, fresh):
    gaps = (fresh - seen).abs()
    half = 1.96 * gaps.std() / len(gaps) ** 0.5
    return gaps.mean(), half, bool(gaps.mean() > half)


def memorizes__wrong__absolute_gaps__larger_minus_smaller(seen, fresh):
    gap = (torch.maximum(seen, fresh) - torch.minimum(seen, fresh)).mean()
    half = 1.96 * (fresh - seen).std() / math.sqrt(len(seen))
    return gap, half, bool(gap - half > 0)


def memorizes__wrong__by_size__a_tenth(seen, fresh):
    gaps = fresh - seen
    return gaps.mean(), 1.96 * gaps.std() / len(gaps) ** 0.5, bool(gaps.mean() > 0.1)


def memorizes__wrong__by_size__as_well(seen, fresh):
    gaps = fresh - seen
    gap, half = gaps.mean(), 1.96 * gaps.std() / len(gaps) ** 0.5
    return gap, half, bool((gap > half) & (gap > 0.05))


def memorizes__wrong__wrong_value__two_half_widths(seen, fresh):
    gaps = fresh - seen
    gap, half = gaps.mean(), 1.96 * gaps.std() / len(gaps) ** 0.5
    return gap, half, bool(gap > 2 * half)
