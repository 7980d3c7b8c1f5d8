import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import nn

from metalearn_course import Characters, Episodes, conv4, conv_strided, linear, mlp
from metalearn_course.learners import FirstConvolution, Frozen, whitened


def test_linear_flattens_and_is_one_affine_map():
    model, x = linear(6, 2), torch.randn(5, 2, 3)
    layer = model[-1]
    torch.testing.assert_close(model(x), x.reshape(5, 6) @ layer.weight.T + layer.bias)


def test_mlp_equals_matrix_products_by_hand():
    model, x = mlp(4, 7, 3, activation=nn.Tanh), torch.randn(5, 2, 2)
    w1, b1, w2, b2 = model.parameters()
    torch.testing.assert_close(model(x), torch.tanh(x.reshape(5, 4) @ w1.T + b1) @ w2.T + b2)


def test_mlp_of_the_sinusoid_experiment_has_1761_parameters():
    # Finn et al. (2017): 1 -> 40 -> 40 -> 1, so (1*40 + 40) + (40*40 + 40) + (40 + 1)
    assert sum(p.numel() for p in mlp(1, 40, 40, 1).parameters()) == 1761


def test_mlp_applies_no_activation_to_its_output():
    model = mlp(1, 8, 1)
    with torch.no_grad():
        model[-1].bias.fill_(-100.0)
    assert (model(torch.randn(5, 1)) < 0).all()


@pytest.mark.parametrize("sizes", [(), (3,)])
def test_mlp_needs_a_layer(sizes):
    with pytest.raises(ValueError, match="give at least an input and an output size"):
        mlp(*sizes)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("norm", ["group", "batch", "running"])
def test_conv4_equals_its_functional_form(norm, train):
    torch.manual_seed(0)
    model, x = conv4(5, width=16, norm=norm).train(train), torch.rand(6, 1, 28, 28)
    h, parameters = x, list(model.parameters())
    for w, b, scale, shift in zip(*[iter(parameters[:16])] * 4, strict=True):
        h = F.conv2d(h, w, b, padding=1)
        if norm == "group":
            h = F.group_norm(h, 2, scale, shift)
        elif norm == "running" and not train:
            h = F.batch_norm(h, torch.zeros(16), torch.ones(16), scale, shift)
        else:
            h = F.batch_norm(h, None, None, scale, shift, training=True)
        h = F.max_pool2d(F.relu(h), 2)
    torch.testing.assert_close(model(x), F.linear(h.flatten(1), *parameters[16:]))


def test_conv4_of_the_papers_has_112261_parameters_for_five_ways():
    # (1*64*9 + 64) + 3 * (64*64*9 + 64) for convolutions, 4 * 2*64 for norms, 64*5 + 5 for the head
    assert sum(p.numel() for p in conv4(5).parameters()) == 640 + 3 * 36_928 + 512 + 325 == 112_261


def test_conv4_without_head_is_the_embedding():
    model = conv4(None, width=8)
    assert model(torch.rand(3, 1, 28, 28)).shape == (3, 8)
    assert not any(isinstance(m, nn.Linear) for m in model)


def test_conv4_refuses_an_unknown_norm_by_name():
    with pytest.raises(ValueError, match="norm='layer' is unknown; choose one of 'group', 'batch', 'running'"):
        conv4(5, norm="layer")


# --- strided convolutions


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("norm", ["group", "batch", "running"])
def test_conv_strided_equals_its_functional_form(norm, train):
    torch.manual_seed(0)
    model, x = conv_strided(5, widths=(8, 16), norm=norm).train(train), torch.rand(6, 1, 28, 28)
    h, parameters = x, list(model.parameters())
    for w, b, scale, shift in zip(*[iter(parameters[:8])] * 4, strict=True):
        h = F.conv2d(h, w, b, stride=2, padding=1)
        if norm == "group":
            h = F.group_norm(h, len(w) // 8, scale, shift)
        elif norm == "running" and not train:
            h = F.batch_norm(h, torch.zeros(len(w)), torch.ones(len(w)), scale, shift)
        else:
            h = F.batch_norm(h, None, None, scale, shift, training=True)
        h = F.relu(h)
    torch.testing.assert_close(model(x), F.linear(h.flatten(1), *parameters[8:]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("widths", "size"), [((3,), 14), ((3, 5), 7), ((3, 5, 7), 4), ((3, 5, 7, 9, 11), 1)])
def test_every_block_of_conv_strided_halves_the_maps_rounding_up(widths, size):
    x = torch.rand(2, 1, 28, 28)
    assert conv_strided(None, widths)(x).shape == (2, widths[-1], size, size)
    assert conv_strided(6, widths)(x).shape == (2, 6)


def test_conv_strided_of_the_lessons_has_93920_parameters():
    # 1*32*9 + 32, 32*32*9 + 32, 32*64*9 + 64 for convolutions, 2 * (32 + 32 + 64) for norms, 64*4*4*64 + 64 the head
    model = conv_strided(64, norm="running")
    assert sum(p.numel() for p in model.parameters()) == 320 + 9_248 + 18_496 + 256 + 65_600 == 93_920
    assert model(torch.rand(3, 1, 28, 28)).shape == (3, 64)


@pytest.mark.parametrize(("channels", "size"), [(3, 32), (3, 5), (1, 105), (2, 1)])
def test_conv_strided_of_other_images_equals_its_functional_form(channels, size):
    torch.manual_seed(0)
    model, x = conv_strided(5, (8, 16), channels=channels, size=size), torch.rand(4, channels, size, size)
    h, parameters = x, list(model.parameters())
    for w, b, scale, shift in zip(*[iter(parameters[:8])] * 4, strict=True):
        h = F.relu(F.group_norm(F.conv2d(h, w, b, stride=2, padding=1), len(w) // 8, scale, shift))
    torch.testing.assert_close(model(x), F.linear(h.flatten(1), *parameters[8:]), rtol=1e-4, atol=1e-5)


def test_conv_strided_draws_the_same_weights_as_before_it_took_channels_and_size():
    """The layers in their order, drawn by torch itself, one after another from one seed."""
    torch.manual_seed(3)
    model = conv_strided(5, (8, 16))
    torch.manual_seed(3)
    layers = [torch.nn.Conv2d(1, 8, 3), torch.nn.Conv2d(8, 16, 3), torch.nn.Linear(16 * 7 * 7, 5)]
    mine = [p for p in model.parameters() if p.ndim > 1]
    assert all(p.equal(layer.weight) for p, layer in zip(mine, layers, strict=True))
    assert list(model.state_dict())[:2] == ["1.weight", "1.bias"]


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        (
            (2, 3, 32, 32),
            "Average the colors: x.mean(1, keepdim=True). Resize them. Or build one for them: conv_strided(outputs, "
            "channels=3, size=32).",
        ),
        ((2, 1, 64, 64), "Resize them. Or build one for them: conv_strided(outputs, channels=1, size=64)."),
        ((2, 1, 64, 48), "Resize them."),
        (
            (2, 64),
            "Features need an encoder of features, such as mlp(64, 64), or in methods that bring their own, "
            "features=64.",
        ),
    ],
)
def test_an_encoder_says_what_to_do_with_other_images(shape, advice):
    with pytest.raises(ValueError) as caught:
        conv_strided(5)(torch.rand(shape))
    assert str(caught.value) == f"The encoder got x of shape {shape}; it was made for images (n, 1, 28, 28). {advice}"
    with pytest.raises(ValueError, match=r"it was made for images \(n, 3, 9, 9\)\."):
        conv_strided(5, channels=3, size=9)(torch.rand(2, 3, 9, 8))


@pytest.mark.parametrize("make", [lambda: conv4(None, width=8), lambda: conv_strided(8)])
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.rand(2, 1, 105, 105), ValueError, r"x of shape \(2, 1, 105, 105\); .*\(n, 1, 28, 28\)\. Resize them"),
        (torch.rand(2, 3, 28, 28), ValueError, r"x of shape \(2, 3, 28, 28\); it was made for images \(n, 1, 28, 28\)"),
        (torch.rand(1, 28, 28), ValueError, r"x of shape \(1, 28, 28\); .* Give it a batch of images"),
        (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), TypeError, r"images of torch\.uint8; .*x\.float\(\) / 255"),
    ],
)
def test_an_encoder_refuses_other_images_in_one_line(make, x, error, message):
    with pytest.raises(error, match=f"The encoder got {message}") as caught:
        make()(x)
    assert "\n" not in str(caught.value)


# --- frozen copies


def noisy():
    """Everything that differs between the modes: running statistics and dropout."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 6), nn.BatchNorm1d(6), nn.Dropout(0.5))
    for _ in range(3):
        model(torch.rand(20, 784))
    return model


def test_frozen_is_a_copy_in_eval_mode_whatever_is_called():
    model, x = noisy(), torch.rand(5, 784)
    frozen = Frozen(model)
    inside = nn.Sequential(frozen, nn.Linear(6, 2)).train()
    assert inside.training and not any(m.training for m in frozen.modules())
    before = [t.clone() for t in frozen.state_dict().values()]
    assert torch.equal(frozen(x), frozen.train()(x))
    assert model.training and all(p.requires_grad for p in model.parameters())
    torch.testing.assert_close(frozen(x), copy.deepcopy(model).eval()(x))
    with torch.no_grad():
        model[1].weight.zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, frozen.state_dict().values(), strict=True))


def test_frozen_gets_no_gradients_and_lets_them_through():
    frozen, x = Frozen(noisy()), torch.rand(5, 784, requires_grad=True)
    frozen(x).sum().backward()
    assert not any(p.requires_grad or p.grad is not None for p in frozen.parameters())
    assert x.grad.abs().max() > 0


# --- whitened features


def correlated(n, seed=0):
    """Points of 3 x 2 numbers on skewed axes, far from 0."""
    generator = torch.Generator().manual_seed(seed)
    axes = torch.randn(6, 6, generator=torch.Generator().manual_seed(9)) * torch.tensor([9.0, 4, 3, 2, 1, 0.5])
    return (torch.randn(n, 6, generator=generator) @ axes.T + 7).unflatten(1, (3, 2))


@pytest.mark.parametrize("components", [1, 4, 6])
def test_whitened_features_are_those_of_scikit_learn_up_to_sign(components):
    """Also of images that were not there to fit on; 2,500 go through in parts."""
    images, others, encoder = correlated(2_500), correlated(50, seed=1), nn.Flatten()
    reference = PCA(components, whiten=True).fit(images.flatten(1).double().numpy())
    model = whitened(encoder, images, components)
    for x in (images, others):
        ours, theirs = model(x).numpy(), reference.transform(x.flatten(1).double().numpy())
        signs = np.sign((ours * theirs).sum(0))
        np.testing.assert_allclose(ours * signs, theirs, rtol=1e-3, atol=2e-3)


def test_whitened_features_have_mean_zero_and_the_identity_as_covariance():
    torch.manual_seed(0)
    images, encoder = correlated(1_500), nn.Sequential(mlp(6, 32, 10, activation=nn.Tanh))
    features = whitened(encoder, images, components=5)(images)
    np.testing.assert_allclose(features.mean(0), np.zeros(5), atol=1e-3)
    np.testing.assert_allclose(np.cov(features.numpy().T), np.eye(5), atol=1e-2)


def test_whitened_is_frozen_and_leaves_the_encoder_alone():
    encoder, images = noisy(), torch.rand(200, 784)
    before = [t.clone() for t in encoder.state_dict().values()]
    model = whitened(encoder, images, components=3).train()
    assert encoder.training and all(p.requires_grad for p in encoder.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, encoder.state_dict().values(), strict=True))
    assert not any(p.requires_grad for p in model.parameters())
    assert torch.equal(model(images), model(images))


@pytest.mark.parametrize(
    ("images", "components", "spanned"),
    [(30, 7, 6), (4, 4, 3), (1, 1, 0), (0, 1, 0)],
)
def test_more_components_than_the_features_span_are_refused(images, components, spanned):
    """n images span n - 1 dimensions around their mean; beyond these a variance of 1 would be blown-up rounding."""
    says = f"components={components}; expected 1 to {spanned}, .* these {images} images span.* give more images"
    with pytest.raises(ValueError, match=says) as caught:
        whitened(nn.Flatten(), correlated(images), components)
    assert "\n" not in str(caught.value)


# --- embedded characters


def drawings(classes=6, examples=200):
    images = torch.randint(1, 256, (classes, examples, 28, 28), generator=torch.Generator().manual_seed(0))
    names, splits = [f"c{i}" for i in range(classes)], {"train": torch.arange(4), "test": torch.arange(4, classes)}
    return Characters(images.to(torch.uint8), ["A"] * classes, names, splits, "noise")


def test_embedded_characters_hold_what_the_encoder_gives_in_eval_mode():
    """1,200 images go through in parts; the encoder is in train mode before and after."""
    encoder, data = noisy(), drawings()
    before = [t.clone() for t in encoder.state_dict().values()]
    embedded = data.embedded(encoder)
    assert embedded.features.shape == (6, 200, 6) and not embedded.features.requires_grad and data.features is None
    assert encoder.training
    assert all(torch.equal(a, b) for a, b in zip(before, encoder.state_dict().values(), strict=True))
    reference = copy.deepcopy(encoder).eval()
    for c, e in ((0, 0), (3, 17), (5, 199)):
        expected = reference(data.images[c, e].float()[None, None] / 255)[0]
        torch.testing.assert_close(embedded.features[c, e], expected.detach())


def test_episodes_of_embedded_characters_are_the_same_draws_embedded():
    encoder, data = noisy(), drawings()
    reference, generators = copy.deepcopy(encoder).eval(), [torch.Generator().manual_seed(1) for _ in range(2)]
    images, features = (
        Episodes(d, 3, 2, 4).sample(5, g) for d, g in zip((data, data.embedded(encoder)), generators, strict=True)
    )
    assert torch.equal(images.classes, features.classes)
    for seen, embedded in zip(images[:2], features[:2], strict=True):
        assert torch.equal(seen.y, embedded.y)
        with torch.no_grad():
            torch.testing.assert_close(reference(seen.x.flatten(0, 1)).unflatten(0, embedded.y.shape), embedded.x)


def test_first_convolution_is_convolution_then_batch_norm_to_the_second_derivative():
    torch.manual_seed(0)
    first, x = FirstConvolution(6).double(), torch.rand(7, 1, 10, 10, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        first.norm.weight.uniform_(-1, 2)
        first.norm.bias.normal_()
    parts = [x, *first.parameters()]
    usual = first.norm(first.convolution(x))
    torch.testing.assert_close(first(x), usual)
    derivatives = []
    for output in (first(x), usual):
        grads = torch.autograd.grad(output.sin().sum(), parts, create_graph=True, materialize_grads=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in grads), parts, materialize_grads=True)
        derivatives.append([*grads, *second])
    torch.testing.assert_close(*derivatives, rtol=1e-7, atol=1e-7)
