import torch


def add_stars__right__plus(first, second):
    return first + second


def add_stars__right__stack(first, second):
    return torch.stack([a + b for a, b in zip(first, second, strict=True)])


def add_stars__right__clone(first, second):
    total = first.clone()
    total += second
    return total


def add_stars__wrong__joins__cat(first, second):
    return torch.cat([first, second])


def add_stars__wrong__joins__lists(first, second):
    return torch.tensor(first.tolist() + second.tolist())


def add_stars__wrong__adds_up_everything__sum(first, second):
    return (first + second).sum()


def add_stars__wrong__adds_up_everything__loop(first, second):
    total = 0.0
    for a, b in zip(first, second, strict=True):
        total += float(a) + float(b)
    return total


def add_stars__wrong__adds_in_place__plus_equals(first, second):
    first += second
    return first


def add_stars__wrong__adds_in_place__by_index(first, second):
    for i in range(len(first)):
        first[i] = first[i] + second[i]
    return first


def add_stars__wrong__returned_nothing__print(first, second):
    print(first + second)


def add_stars__wrong__wrong_type__list(first, second):
    return [a + b for a, b in zip(first.tolist(), second.tolist(), strict=True)]


def add_stars__wrong__wrong_value__never_negative(first, second):
    return (first + second).clamp(min=0)
