import pytest
import torch
import torch.nn.functional as F
from torch import nn

from metalearn_course import conv4, linear, mlp


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
